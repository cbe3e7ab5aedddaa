"""What people and programs read: screen, words, tables, questions, JSON.

Facts come in as values of the core; nothing here looks at a port or signals anybody.
"""
