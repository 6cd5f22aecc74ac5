import time
def test_it(world):
    t=time.time()
    r = world.make(world.weeks)
    print(time.time()-t)
    for s in r.stages: print(s)
    print(r.warnings)
    d = world.document("selected_model", world.weeks[-1], "decision.json")
    print({k:v for k,v in d.items() if k!='candidates'})
    for t_ in ("clean.inspections","clean.rejected_inspections","features.feature_matrix","monitoring.bias_report","monitoring.bias_verdicts","predictions.scores"):
        print(t_, len(world.table(t_)))
    print(world.table("monitoring.bias_verdicts").query("week==week.max()")[["attribute","group","group_size","verdict"]])
    print([ (str(w)[:10], world.document("selected_model", w, "decision.json")["selected"]) for w in world.weeks])
    assert 0
