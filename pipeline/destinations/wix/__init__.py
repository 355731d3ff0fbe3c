"""Wix Marketing Consent by REST: one consent for each e-mail address and each phone number.

The vendor's rules, by the ids that tests name:

    WX-01  a consent is of an EMAIL or of a PHONE in E.164; one for each address
    WX-02  states UNKNOWN_STATE, NEVER_CONFIRMED, REVOKED, PENDING, CONFIRMED
    WX-03  PENDING and CONFIRMED come with a confirmation activity, REVOKED with a revoke activity
    WX-04  the sources of either activity; other words go as OTHER with the word as description
    WX-05  PENDING is of a double opt-in; CONFIRMED of the level that the mapping's options name
    WX-06  UNKNOWN_STATE does not change a stored e-mail consent: reported as not applied
    WX-07  an update names what it changes in a mask, and changes nothing else
    WX-08  an update carries the revision it was decided on; a stale one is read again and decided again
    WX-09  bulk answers are attached by originalIndex; an item without an answer is unknown
    WX-10  a link that an answer carries is kept with the record's outcome
    WX-11  extended fields are mapped as `namespace.field`
    WX-12  consents are read back by query; 200 requests a minute, and a 429 waits

    adapter   the Destination: describe, check, encode, foretell, deliver, read back, classify
    wire      the vendor's paths and shapes
    encode    an item's wire JSON by polars expressions
    bulk      many consents in one call, each with its own answer
    update    one known consent, guarded by its revision
    refusals  what the vendor's errors mean
    contacts  consents as read, comparable with what was sent
"""
