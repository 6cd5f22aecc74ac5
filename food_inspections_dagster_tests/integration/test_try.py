def test_it(world):
    r = world.make(world.weeks, "xgboost_model")
    print(world.document("xgboost_model", world.weeks[-1])["reason"])
    m = world.table("features.feature_matrix")
    print(m.groupby("inspection_type").size())
    ok = m[(m.inspection_type == "Canvass")]
    print(len(ok), ok.in_cohort.sum(), ok.failed.notna().sum())
    print(ok[ok.in_cohort & ok.failed.notna()].groupby("week").agg(n=("failed", "size"), f=("failed", "sum")))
    import time

    t = time.time()
    e = world.check("inspections_checks")
    print(time.time() - t, e)
    assert 0
