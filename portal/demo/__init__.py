"""The demonstration: two real examples, and a made-up partner with two hundred customers."""
