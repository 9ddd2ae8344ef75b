"""A class of learners: hand out notebooks, collect submissions, grade them in closed-off processes, answer."""
