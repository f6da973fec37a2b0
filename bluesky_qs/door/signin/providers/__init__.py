"""Sign-in providers that ask somebody else who a user is: PAM, LDAP and OIDC."""
