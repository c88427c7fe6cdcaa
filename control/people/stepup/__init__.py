"""Step-up: a fresh second factor for exactly one act, for whoever writes the route of that act.

    from control.people.stepup import Ask, Matter, ask_page, demand, steps_up

    @blueprint.post("/entries/<int:number>/reveal")
    @requires(Permission.AUDIT_ENTRY_REVEAL)
    @audited(Action.AUDIT_ENTRY_REVEAL)
    @steps_up
    def reveal(number: int) -> ResponseReturnValue:
        purpose = request.form.get("purpose", "")        # faults of the form are told first, as ever
        matter = Matter(
            action=Action.AUDIT_ENTRY_REVEAL,
            binds={"entry": str(number), "purpose": purpose},      # everything that decides what happens
            lines=((_("Entry"), str(number)), (_("Purpose"), purpose)),   # the same, as the person reads it
            title=_("Show what is sealed in entry %(number)s", number=number),
            back=url_for(".show", number=number),
        )
        with unit_of_work() as session:
            proof = demand(session, matter)
            if not isinstance(proof, Ask):
                shown = service.reveal(session, number=number, purpose=purpose, act=proof.act)
        if isinstance(proof, Ask):
            return ask_page(matter, proof)               # 401, the form kept; posts to the same address again
        return render_template("entries/revealed.html", shown=shown)

The first POST answers with the page; the second brings the proof and acts, in one transaction. A form that changed in
between is asked about anew. In tests: `tests.factories.stepup.confirm(client, answer, person_id)` presses the button.
"""

from control.people.stepup.domain import Ask, Given, Matter, Proven
from control.people.stepup.routes import ask_page, demand, kept_upload, steps_up

__all__ = ["Ask", "Given", "Matter", "Proven", "ask_page", "demand", "kept_upload", "steps_up"]
