def print_stages(console, instance, database, wanted, done):
    console.print(done.stages)


def print_monday(console, settings, week):
    pass
