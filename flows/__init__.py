"""The Prefect flow around `pipeline.run`: no business logic, and nothing imports it.

request        what a run is asked for; the form in Prefect's user interface is made from it
sync_consent   the flow
tasks          each step of the chain as a task
ending         what a run came to, as a Prefect state
artifact       the same as Markdown
progress       how far it is, as a progress artifact
local          `python -m flows.sync_consent`: the flow without a Prefect server
temporary_api  Prefect's API inside this process
demo           `python -m flows.demo`: the flow against the sandbox
"""
