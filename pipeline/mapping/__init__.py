"""What `mapping_file` is made of; whoever needs a mapping imports it from there.

yaml_source   text -> inert data, and the line of each key
section       what all parts of a mapping have in common
consent       targets, and when and how consent was given
schema        Mapping: every other key with its type, its default and its meaning
rules         what must hold within a section
crossing      what must hold between sections
suppression   lists of whom nobody may be contacted
options       what a destination of its own lets a mapping say
words         statuses, channels and regions that a key may hold
problems      what pydantic found, in sentences
"""
