"""Sign-in providers with external users: PAM, LDAP and OIDC."""
