// An OpenID Connect provider for tests. Its argument is a JSON object; see `IdentityProvider` in conftest.py.
import Provider from 'oidc-provider';

const options = JSON.parse(process.argv[2]);

const configuration = {
  clients: options.clients.map((client) => ({
    redirect_uris: options.redirect_uris,
    grant_types: ['authorization_code'],
    response_types: ['code'],
    ...client,
  })),
  jwks: { keys: options.keys },
  cookies: { keys: ['only for tests'] },
  scopes: ['openid', 'profile', 'email', 'groups'],
  claims: {
    openid: ['sub'],
    profile: ['name', 'preferred_username', 'realm_access'],
    email: ['email', 'email_verified'],
    groups: ['groups'],
  },
  // False: the claims are in the ID token too, and not only at the userinfo endpoint.
  conformIdTokenClaims: options.claims_at_userinfo_only ?? false,
  enabledJWA: { idTokenSigningAlgValues: ['RS256', 'HS256'] },
  pkce: { required: () => true },
  ttl: { IdToken: 600 },
  findAccount: (_context, id) => ({
    accountId: id,
    claims: () => ({ sub: id, ...options.users[id] }),
  }),
  // Its pages for sign-in and consent take every password.
  features: { devInteractions: { enabled: true } },
};

const provider = new Provider(options.issuer, configuration);
if (options.tokens_from_the_past) {
  const now = Date.now;
  provider.use(async (context, next) => {
    const ago = context.path === '/token' ? 1000 * options.tokens_from_the_past : 0;
    Date.now = () => now() - ago;
    await next();
    Date.now = now;
  });
}
const server = provider.listen(options.port, '127.0.0.1', () => console.log('ready'));
process.on('SIGTERM', () => server.close(() => process.exit(0)));
