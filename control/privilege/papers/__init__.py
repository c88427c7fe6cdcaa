"""Papers: forms 01 to 08, empty or filled, as PDF; and which of them an act needs (S3-9.2, S3-15.2.a).

paper("02").fields                       what the form asks for; `columns` of its table
render_paper("02", {"unit": "Sở Nội vụ", "rows": [{"account": "cong.tap.dt", "reason": "…"}]})
missing_papers("create", attached=["01"])   # ("05",)
"""

from control.privilege.papers.rendering import all_papers, missing_papers, paper, render_paper

__all__ = ["all_papers", "missing_papers", "paper", "render_paper"]
