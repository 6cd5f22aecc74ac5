"""The dashboard: pages for the planner who decides on Monday where inspectors go.

`app` joins the pages; each page reads one snapshot by the queries of this room and returns Dash components.
"""
