"""Selects the service settings that a worker needs to open the environment."""

from bluesky_qs.config.schema import Settings
from bluesky_qs.ipc.commands import KernelSpec, OpenEnvironment, StartupSpec
from bluesky_qs.startup.find import StartupLocation, find


def location_of(settings: Settings) -> StartupLocation:
    """Return the location of the startup code.

    Raises
    ------
    ConfigError
        There is no startup code there, or the settings contradict each other.
    """
    startup = settings.startup
    return find(
        startup_dir=startup.startup_dir,
        startup_profile=startup.startup_profile,
        startup_module=startup.startup_module,
        startup_script=startup.startup_script,
        ipython_dir=startup.ipython_dir,
        existing_plans_devices=startup.existing_plans_and_devices_path,
        user_group_permissions=startup.user_group_permissions_path,
    )


def opening(settings: Settings, location: StartupLocation, permissions: bytes) -> OpenEnvironment:
    """Return the command that opens the environment with these user group permissions (JSON)."""
    startup = settings.startup
    return OpenEnvironment(
        StartupSpec(location.directory, location.script, location.module, location.profile_dir, location.module_folder),
        permissions,
        startup.device_max_depth,
        startup.ignore_invalid_plans,
        _kernel(settings),
        input_policy=settings.worker.input_policy,
        stream_progress=settings.network.zmq_stream_device_progress,
        stream_messages=settings.network.zmq_stream_re_messages,
    )


def _kernel(settings: Settings) -> KernelSpec | None:
    worker = settings.worker
    if not worker.use_ipython_kernel:
        return None
    ports = {
        "shell": worker.ipython_shell_port,
        "iopub": worker.ipython_iopub_port,
        "stdin": worker.ipython_stdin_port,
        "hb": worker.ipython_hb_port,
        "control": worker.ipython_control_port,
    }
    return KernelSpec(
        ip=worker.ipython_kernel_ip,
        matplotlib=worker.ipython_matplotlib,
        connection_file=worker.ipython_connection_file,
        connection_dir=worker.ipython_connection_dir,
        ipython_dir=settings.startup.ipython_dir,
        ports={channel: port for channel, port in ports.items() if port is not None},
    )
