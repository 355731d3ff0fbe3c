"""The emulated Wix Marketing Consent over the socket."""
