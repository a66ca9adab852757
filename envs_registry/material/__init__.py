"""What the environments are made of: words, sentences, facts and worlds; no id lives here."""
