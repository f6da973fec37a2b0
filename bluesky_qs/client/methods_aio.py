"""The 0MQ methods of the asyncio client, one line each.

Made by docs/make_client_methods.py from the contract (`make reference`); changes by hand are lost.
"""

from bluesky_qs.api import engine, environment, history, locking, permissions, queue, service, tasks
from bluesky_qs.client.bind import acached, acall, agathering


class Methods:
    """Each method of the contract, with the signature and the documentation of its stub."""

    # Methods on the RunEngine: pause, resume and end the running plan; look at its runs and metadata.
    re_pause = acall(engine.re_pause)
    re_resume = acall(engine.re_resume)
    re_stop = acall(engine.re_stop)
    re_abort = acall(engine.re_abort)
    re_halt = acall(engine.re_halt)
    re_runs = acached(engine.re_runs, uid="run_list_uid")
    documents_get = acall(engine.documents_get)
    re_metadata = acall(engine.re_metadata)

    # Methods on the RE Worker environment: the process that runs the startup code and the plans.
    environment_open = acall(environment.environment_open)
    environment_close = acall(environment.environment_close)
    environment_destroy = acall(environment.environment_destroy)
    environment_update = acall(environment.environment_update)
    environment_report = acall(environment.environment_report)

    # Methods on the history: the items that have run, with their results.
    history_get = acached(history.history_get, uid="plan_history_uid")
    history_clear = acall(history.history_clear)

    # Methods on the lock, which keeps others from changing the environment or the queue.
    lock = acall(locking.lock)
    lock_info = acached(locking.lock_info)
    unlock = acall(locking.unlock)

    # Methods on plans, devices and user group permissions.
    plans_allowed = acached(permissions.plans_allowed, uid="plans_allowed_uid")
    devices_allowed = acached(permissions.devices_allowed, uid="devices_allowed_uid")
    plans_existing = acached(permissions.plans_existing, uid="plans_existing_uid")
    devices_existing = acached(permissions.devices_existing, uid="devices_existing_uid")
    permissions_reload = acall(permissions.permissions_reload)
    permissions_get = acall(permissions.permissions_get)
    permissions_set = acall(permissions.permissions_set)

    # Methods on the queue: look at it, change it, start and stop it.
    queue_get = acached(queue.queue_get, uid="plan_queue_uid")
    queue_item_add = acall(queue.queue_item_add)
    queue_item_add_batch = acall(queue.queue_item_add_batch)
    queue_item_update = acall(queue.queue_item_update)
    queue_item_get = acall(queue.queue_item_get)
    queue_item_remove = acall(queue.queue_item_remove)
    queue_item_remove_batch = acall(queue.queue_item_remove_batch)
    queue_item_move = acall(queue.queue_item_move)
    queue_item_move_batch = acall(queue.queue_item_move_batch)
    queue_item_execute = acall(queue.queue_item_execute)
    queue_clear = acall(queue.queue_clear)
    queue_mode_set = agathering(queue.queue_mode_set, "mode")
    queue_start = acall(queue.queue_start)
    queue_stop = acall(queue.queue_stop)
    queue_stop_cancel = acall(queue.queue_stop_cancel)
    queue_autostart = acall(queue.queue_autostart)
    item_status = acall(queue.item_status)
    item_check = acall(queue.item_check)

    # Methods on the service itself: status, configuration, events, console output, and stopping it.
    ping = acached(service.ping)
    status = acached(service.status)
    config_get = acall(service.config_get)
    manager_stop = acall(service.manager_stop)
    manager_kill = acall(service.manager_kill)
    events_get = acall(service.events_get)
    console_get = acall(service.console_get)

    # Methods that run scripts and functions in the worker and answer prompts of running code.
    script_upload = acall(tasks.script_upload)
    function_execute = acall(tasks.function_execute)
    task_status = acall(tasks.task_status)
    task_result = acall(tasks.task_result)
    kernel_interrupt = acall(tasks.kernel_interrupt)
    input_reply = acall(tasks.input_reply)

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
