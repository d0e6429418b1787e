"""A step explained: sentences, equations, and the same step as code that runs."""
