"""The 0MQ methods of the blocking client, one line each.

Made by docs/make_client_methods.py from the contract (`make reference`); changes by hand are lost.
"""

from bluesky_qs.api import engine, environment, history, locking, permissions, queue, service, tasks
from bluesky_qs.client.bind import cached, call, gathering


class Methods:
    """Each method of the contract, with the signature and the documentation of its stub."""

    # Methods on the RunEngine: pause, resume and end the running plan; look at its runs and metadata.
    re_pause = call(engine.re_pause)
    re_resume = call(engine.re_resume)
    re_stop = call(engine.re_stop)
    re_abort = call(engine.re_abort)
    re_halt = call(engine.re_halt)
    re_runs = cached(engine.re_runs, uid="run_list_uid")
    documents_get = call(engine.documents_get)
    re_metadata = call(engine.re_metadata)

    # Methods on the RE Worker environment: the process that runs the startup code and the plans.
    environment_open = call(environment.environment_open)
    environment_close = call(environment.environment_close)
    environment_destroy = call(environment.environment_destroy)
    environment_update = call(environment.environment_update)
    environment_report = call(environment.environment_report)

    # Methods on the history: the items that have run, with their results.
    history_get = cached(history.history_get, uid="plan_history_uid")
    history_clear = call(history.history_clear)

    # Methods on the lock, which keeps others from changing the environment or the queue.
    lock = call(locking.lock)
    lock_info = cached(locking.lock_info)
    unlock = call(locking.unlock)

    # Methods on plans, devices and user group permissions.
    plans_allowed = cached(permissions.plans_allowed, uid="plans_allowed_uid")
    devices_allowed = cached(permissions.devices_allowed, uid="devices_allowed_uid")
    plans_existing = cached(permissions.plans_existing, uid="plans_existing_uid")
    devices_existing = cached(permissions.devices_existing, uid="devices_existing_uid")
    permissions_reload = call(permissions.permissions_reload)
    permissions_get = call(permissions.permissions_get)
    permissions_set = call(permissions.permissions_set)

    # Methods on the queue: look at it, change it, start and stop it.
    queue_get = cached(queue.queue_get, uid="plan_queue_uid")
    queue_item_add = call(queue.queue_item_add)
    queue_item_add_batch = call(queue.queue_item_add_batch)
    queue_item_update = call(queue.queue_item_update)
    queue_item_get = call(queue.queue_item_get)
    queue_item_remove = call(queue.queue_item_remove)
    queue_item_remove_batch = call(queue.queue_item_remove_batch)
    queue_item_move = call(queue.queue_item_move)
    queue_item_move_batch = call(queue.queue_item_move_batch)
    queue_item_execute = call(queue.queue_item_execute)
    queue_clear = call(queue.queue_clear)
    queue_mode_set = gathering(queue.queue_mode_set, "mode")
    queue_start = call(queue.queue_start)
    queue_stop = call(queue.queue_stop)
    queue_stop_cancel = call(queue.queue_stop_cancel)
    queue_autostart = call(queue.queue_autostart)
    item_status = call(queue.item_status)
    item_check = call(queue.item_check)

    # Methods on the service itself: status, configuration, events, console output, and stopping it.
    ping = cached(service.ping)
    status = cached(service.status)
    config_get = call(service.config_get)
    manager_stop = call(service.manager_stop)
    manager_kill = call(service.manager_kill)
    events_get = call(service.events_get)
    console_get = call(service.console_get)

    # Methods that run scripts and functions in the worker and answer prompts of running code.
    script_upload = call(tasks.script_upload)
    function_execute = call(tasks.function_execute)
    task_status = call(tasks.task_status)
    task_result = call(tasks.task_result)
    kernel_interrupt = call(tasks.kernel_interrupt)
    input_reply = call(tasks.input_reply)

    # The names of bluesky-queueserver-api, for the scripts that use them
    item_add = queue_item_add
    item_add_batch = queue_item_add_batch
    item_get = queue_item_get
    item_update = queue_item_update
    item_remove = queue_item_remove
    item_remove_batch = queue_item_remove_batch
    item_move = queue_item_move
    item_move_batch = queue_item_move_batch
    item_execute = queue_item_execute
