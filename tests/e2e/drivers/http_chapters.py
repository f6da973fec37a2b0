"""Chapters on signing in at an HTTP server. `alice` has signed in with her password."""

from common import done, raised


async def signing_in(RM):
    """What the HTTP server answers itself: it must not mind the service behind it."""
    assert RM.auth_method == RM.AuthorizationMethods.TOKEN
    refresh = RM.auth_key[1]
    assert "write:queue:edit" in (await done(RM.api_scopes()))["scopes"]
    assert (await done(RM.whoami()))["identities"][0]["id"] == "alice"
    assert len(await done(RM.principal_info())) == 1
    await done(RM.session_refresh(refresh_token=refresh))
    assert await done(RM.queue_get(reload=True))
    secret = (await done(RM.apikey_new(expires_in=900, scopes=["read:status", "user:apikeys"])))["secret"]
    session = (await done(RM.whoami()))["sessions"][0]["uuid"]
    RM.set_authorization_key(api_key=secret)
    assert (await done(RM.apikey_info()))["scopes"] == ["read:status", "user:apikeys"]
    assert (await done(RM.status()))["manager_state"] == "idle"
    with raised(RM.HTTPClientError):
        await done(RM.queue_clear())
    await done(RM.login("alice", password="of-alice"))
    await done(RM.apikey_delete(first_eight=secret[:8]))
    await done(RM.session_revoke(session_uid=session))
    await done(RM.logout())
    with raised(RM.HTTPClientError):
        await done(RM.queue_clear())


async def routes(RM):
    """Any route can be requested, and a refusal says why."""
    assert (await done(RM.send_request(method=("GET", "/api/status"))))["manager_state"] == "idle"
    assert (await done(RM.send_request(method="status")))["manager_state"] == "idle"
    with raised(RM.HTTPClientError) as caught:
        await done(RM.send_request(method=("GET", "/api/no/such/route")))
    assert caught[0].response.status_code == 404
    with raised(RM.HTTPClientError) as caught:
        await done(RM.send_request(method=("POST", "/api/queue/item/add"), params={"no_such": 1}))
    assert caught[0].response.status_code == 400
    assert "no_such" in caught[0].response.json()["detail"]
    with raised(RM.RequestFailedError):
        await done(RM.send_request(method=("POST", "/api/queue/start")))
    for wrong in (("GET",), 5):
        with raised(RM.RequestParameterError):
            await done(RM.send_request(method=wrong))
