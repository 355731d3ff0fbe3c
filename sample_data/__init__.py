"""An invented export, the audience it belongs to, and the generator that plants known oddities in both."""
