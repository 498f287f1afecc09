"""Messages and stubs of hubd's API, generated from proto/ (see README.md)."""
