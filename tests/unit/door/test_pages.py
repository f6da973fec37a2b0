async def test_a_browser_that_opens_the_ready_link_is_signed_in_without_a_key_in_its_address(door):
    async with door.client() as browser:
        led = await browser.get(f"/?api_key={door.key}")
        assert (led.status_code, led.headers["location"]) == (303, "docs")
        assert (await browser.get("/api/status")).status_code == 200


async def test_a_browser_without_a_key_is_led_to_the_description(door):
    async with door.client() as browser:
        assert (await browser.get("/", follow_redirects=True)).url.path == "/docs"
        assert (await browser.get("/api/status")).status_code == 401


async def test_a_browser_with_a_wrong_key_is_told_so(door):
    async with door.client() as browser:
        refused = await browser.get("/?api_key=another")
        assert refused.status_code == 401
        assert refused.json()["detail"]
