"""Output for people and programs: console, texts, tables, prompts, JSON.

Facts come in as values of the core; nothing here inspects a port or signals a process.
"""
