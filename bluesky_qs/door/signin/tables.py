"""The tables of the sign-in database, and the SQL statements."""

#: Version of the table layout, stored in the file. Files with a higher version are not changed.
LAYOUT = 1
APPLICATION = int.from_bytes(b"BQSI")

TABLES = (
    """CREATE TABLE principals (
        uuid TEXT PRIMARY KEY, type TEXT NOT NULL, created REAL NOT NULL
    ) WITHOUT ROWID""",
    """CREATE TABLE identities (
        provider TEXT NOT NULL, id TEXT NOT NULL, principal TEXT NOT NULL REFERENCES principals ON DELETE CASCADE,
        data BLOB NOT NULL, latest_login REAL, checked REAL NOT NULL, gone INTEGER NOT NULL DEFAULT 0,
        PRIMARY KEY (provider, id)
    ) WITHOUT ROWID""",
    "CREATE INDEX identities_of ON identities (principal)",
    """CREATE TABLE sessions (
        uuid TEXT PRIMARY KEY, principal TEXT NOT NULL REFERENCES principals ON DELETE CASCADE,
        expires REAL NOT NULL, revoked INTEGER NOT NULL DEFAULT 0, latest_activity REAL
    ) WITHOUT ROWID""",
    "CREATE INDEX sessions_of ON sessions (principal)",
    "CREATE INDEX sessions_expire ON sessions (expires)",
    """CREATE TABLE api_keys (
        hash BLOB PRIMARY KEY, first_eight TEXT NOT NULL UNIQUE,
        principal TEXT NOT NULL REFERENCES principals ON DELETE CASCADE,
        scopes BLOB NOT NULL, expires REAL, note TEXT, latest_activity REAL
    ) WITHOUT ROWID""",
    "CREATE INDEX api_keys_of ON api_keys (principal)",
    "CREATE TABLE secret_keys (number INTEGER PRIMARY KEY, secret TEXT NOT NULL, created REAL NOT NULL)",
    """CREATE TABLE authorizations (
        state BLOB PRIMARY KEY, expires REAL NOT NULL, data BLOB NOT NULL
    ) WITHOUT ROWID""",
    """CREATE TABLE devices (
        device TEXT PRIMARY KEY, user_code TEXT NOT NULL UNIQUE, provider TEXT NOT NULL, expires REAL NOT NULL,
        session TEXT REFERENCES sessions ON DELETE CASCADE, error TEXT
    ) WITHOUT ROWID""",
    f"PRAGMA application_id = {APPLICATION}",
    f"PRAGMA user_version = {LAYOUT}",
)

#: Lines for the audit log that commands have stored for a door. Databases of earlier versions do not have the table.
NOTES = "CREATE TABLE IF NOT EXISTS notes (number INTEGER PRIMARY KEY, line TEXT NOT NULL)"

#: Removes expired records. Expired keys and sessions are listed for another 30 days.
PRUNE = (
    "DELETE FROM authorizations WHERE expires < :now",
    "DELETE FROM devices WHERE expires < :now",
    "DELETE FROM sessions WHERE expires < :now - 2592000",
    "DELETE FROM api_keys WHERE expires < :now - 2592000",
)

PUT_IDENTITY = """
    INSERT INTO identities (provider, id, principal, data, latest_login, checked) VALUES (?, ?, ?, ?, ?, ?)
    ON CONFLICT (provider, id) DO UPDATE
    SET data = excluded.data, latest_login = excluded.latest_login, checked = excluded.checked, gone = 0
"""
IDENTITIES = "SELECT data, latest_login, checked, gone FROM identities WHERE principal = ? ORDER BY provider, id"

PUT_SESSION = "INSERT INTO sessions (uuid, principal, expires, revoked, latest_activity) VALUES (?, ?, ?, ?, ?)"
SESSION = "SELECT uuid, principal, expires, revoked, latest_activity FROM sessions WHERE uuid = ?"
#: A user's newest sessions. There may be half a million a year, if a program signs in every minute.
SESSIONS = """
    SELECT uuid, principal, expires, revoked, latest_activity FROM sessions
    WHERE principal = ? ORDER BY expires DESC LIMIT 100
"""

PUT_KEY = """
    INSERT INTO api_keys (hash, first_eight, principal, scopes, expires, note, latest_activity)
    VALUES (?, ?, ?, ?, ?, ?, ?)
"""
#: Compares hashes, so that the duration reveals nothing about a key.
KEY = "SELECT first_eight, principal, scopes, expires, note, latest_activity FROM api_keys WHERE hash = ?"
KEY_NAMED = "SELECT first_eight, principal, scopes, expires, note, latest_activity FROM api_keys WHERE first_eight = ?"
KEYS = "SELECT first_eight, principal, scopes, expires, note, latest_activity FROM api_keys WHERE principal = ?"

DEVICE = "SELECT device, provider, session, error FROM devices WHERE device = ? AND expires > ?"
DEVICE_WITH_CODE = "SELECT device, provider, session, error FROM devices WHERE user_code = ? AND expires > ?"
