"""The Prefect flow around `pipeline.run`: no business logic, and nothing imports it.

request        what a run is asked for; the form in Prefect's user interface is made from it
sync_consent   the flow
carrying_out   what each mode does, and whether it waits for an approval
approval       a run that waits for somebody: suspended, with a form
tasks          each step of the chain as a task
ending         what a run came to, as a Prefect state
artifact       the same as pages and tables
alerts         events for operators, and how they are sent on
progress       how far it is, as a progress artifact
course         how far that is, over all steps
reach kept     a Prefect that does not answer: what is done without it
outlet         what it prints when nobody reads it
secret_blocks  credentials from Prefect's Secret blocks
reaper         runs whose process is gone
service pool   Prefect's server, a work pool and a worker on this machine
tether         a child that ends with its parent, even if that is killed
neighbours     who holds a port; what an earlier service left behind
local          `python -m flows.sync_consent`: the flow without a Prefect server
temporary_api  Prefect's API inside this process
demo           `python -m flows.demo`: the flow against the sandbox
"""
