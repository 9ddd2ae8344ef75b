"""Small tools for five fields of work: what stands between a generator and something that is used.

Each module belongs to one task and is imported by its name, as `aigc_course.applications.video`.
"""
