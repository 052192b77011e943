"""The motion corpus: utterances of many voices, and what a person would do while saying and hearing them."""
