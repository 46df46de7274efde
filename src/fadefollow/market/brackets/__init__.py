"""Maintenance brackets of venues: stock tables by venue and date, and the model of one."""
