"""`visavis call`: one end of a call on the command line, sending or receiving."""
