"""For teachers and maintainers: notebooks without answers, the course run as a whole, the site."""
