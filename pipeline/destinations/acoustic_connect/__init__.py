"""Acoustic Connect by GraphQL, the generation whose mutations name the audience (`dataset`) first.

The vendor's rules, by the ids that tests name:

    AC-01  updateContacts finds contacts by key, many per call, and answers with modifiedCount
    AC-02  attributes and consent travel together; either may be absent
    AC-03  consent per channel: EMAIL, SMS, and WHATSAPP in the current generation
    AC-04  a group's status is for all channels of the group
    AC-05  a group's status may be limited to named channels
    AC-06  OPT_IN, OPT_OUT, OPT_IN_UNVERIFIED; an update may also write null, which clears
    AC-07  a list may be given as its only element
    AC-08  createContacts answers with one item per contact, in order
    AC-09  a new contact needs an attribute that is the address of a channel
    AC-10  a new contact's opt-in needs the channel's address
    AC-11  channels and consent groups exclude each other for one contact
    AC-12  attribute names are case-sensitive and exist in the audience; values fit their type
    AC-13  dataSets lists attributes and groups: mappings are checked against them before the first write
    AC-14  every error code is recognised, attached to its row and explained
    AC-15  errors carry no index and the answer only a count: rows are found by message, by halving, by reading back
    AC-16  contacts reads consent back per channel and per group, in pages
    AC-17  the current generation: no audience on update, key or address as selector, contactKey in answers, no null

    adapter   the Destination: describe, check, encode, foretell, deliver, read back, classify
    options   what a mapping may say under `options`
    wire      the vendor's documents and answers
    encode    a row's wire JSON by polars expressions
    isolate   from a refused batch to the refused row
    refusals  what the vendor's codes and messages mean
    contacts  contacts as read, comparable with what was sent
"""
