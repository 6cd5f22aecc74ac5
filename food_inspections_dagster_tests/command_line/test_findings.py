from food_inspections_dagster.command_line.findings import print_findings
from food_inspections_dagster.errors import Finding


def test_only_problems_count(out, told):
    assert print_findings(out, [Finding("It is [odd].", is_problem=False)])
    assert not print_findings(out, [Finding("It is broken."), Finding("It is odd.", is_problem=False)])
    assert told() == "Note: It is [odd].\nProblem: It is broken.\nNote: It is odd.\n"
