"""The ledger on SQLite, and on PostgreSQL where the machine has one."""
