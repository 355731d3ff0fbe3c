"""iVvy by signed JSON: contacts with an e-mail status, subscription groups and custom fields.

The vendor's rules, by the ids that tests name:

    IV-01  addOrUpdateContact updates the contact with the given id, or adds one
    IV-02  a new contact needs first name, last name and a valid e-mail address
    IV-03  updateIfExists: a contact with the same names and address is updated, so that nobody is added twice
    IV-04  groups are changed by the add and remove actions only; `groups` would replace every membership
    IV-05  custom fields by id, each as its type wants it
    IV-06  companies by id; a wrong one is the row's fault
    IV-07  email status: 1 subscribed, 2 unsubscribed, 3 bounced, 5 no marketing
    IV-08  SMS status, withdrawn by the vendor: behind an option, with 4 for no marketing
    IV-09  external URLs: by reference, at most 3; null removes one or all, absent leaves them
    IV-10  externalId, phone and privacyConsent are written
    IV-11  `success: false` under HTTP 200 is the row's failure
    IV-12  every attempt is signed anew
    IV-13  errors carry errorCode, specificCode and details; each is attached to its row
    IV-14  many calls travel as a batch of at most 200 jobs, polled, with results for each

    adapter     the Destination: describe, check, encode, foretell, deliver, read back, classify
    options     what a mapping may say under `options`
    wire        the vendor's shapes and numbers
    encode      a row's wire JSON by polars expressions
    signature   signs each attempt
    calls       many calls: one by one, or as a batch
    writing     a batch of items: opt-outs of kin, memberships, contacts
    directory   finds contacts by address and by external id
    identity    who is meant, who shares the address, and who may not be written to
    refusals    what the vendor's errors mean
    contacts    contacts as read, comparable with what was sent
"""
