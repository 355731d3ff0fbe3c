"""What is sent of a plan, and the record of it.

approval          how much of a plan may be carried out
origins           whether export and mapping are those that it was made from
standing          whether it is whole, of this account, and not overtaken
delivered_before  whether the last run has delivered just this
delivering        the phases in their order, the canary first
canary            the first items, and how what came of them compares; canary_figures: in numbers
sending_order     what is still to be sent or asked for
dispatching       a phase, as loads that fill a request
relisting         suppression lists, compared with the plan once more
blaming           the mapping's line that a refusal is about
recording         state and evidence, shard by shard, while others are delivered
looking_back      what a run that was overtaken has sent
"""
