from bluesky_qs.door.signin.attempts import OF_ADDRESS, OF_NAME, OF_USER, Attempts


def fail(attempts, user="ada", address="10.0.0.1", *, times, now=0.0):
    for _ in range(times):
        assert attempts.wait(user, address, now=now) == 0
        attempts.failed(user, address, now=now)


def test_a_user_at_an_address_has_some_attempts_and_then_waits():
    attempts = Attempts()
    fail(attempts, times=OF_USER.failures)
    assert attempts.wait("ada", "10.0.0.1", now=0) == OF_USER.seconds
    assert attempts.wait("ada", "10.0.0.1", now=OF_USER.seconds) == 0


def test_another_case_of_the_name_is_the_same_user():
    attempts = Attempts()
    fail(attempts, times=OF_USER.failures)
    assert attempts.wait("ADA", "10.0.0.1", now=0) > 0


def test_others_are_not_delayed_by_a_few_failures():
    attempts = Attempts()
    fail(attempts, times=OF_USER.failures)
    assert attempts.wait("bob", "10.0.0.1", now=0) == 0
    assert attempts.wait("ada", "10.0.0.2", now=0) == 0


def test_an_address_that_tries_many_names_waits():
    attempts = Attempts()
    for number in range(OF_ADDRESS.failures):
        fail(attempts, f"user{number}", times=1)
    assert attempts.wait("another", "10.0.0.1", now=0) > 0


def test_a_name_that_many_addresses_try_waits():
    attempts = Attempts()
    for number in range(OF_NAME.failures):
        fail(attempts, address=f"10.0.{number}.1", times=1)
    assert attempts.wait("ada", "10.9.9.9", now=0) > 0


def test_the_right_password_forgives_what_was_mistyped():
    attempts = Attempts()
    fail(attempts, times=OF_USER.failures)
    attempts.succeeded("ada", "10.0.0.1")
    fail(attempts, times=OF_USER.failures)


def test_an_attempt_that_did_not_fail_is_taken_back():
    attempts = Attempts()
    for _ in range(200):
        fail(attempts, times=1)
        attempts.taken_back("ada", "10.0.0.1")


def test_a_flood_of_names_is_forgotten_again():
    attempts = Attempts()
    for number in range(12_000):
        attempts.failed(f"user{number}", f"10.{number}", now=0)
    assert len(attempts._forgiven) <= 10_000
