"""System checks of the session engine; every setting that can be wrong has a number here."""
