"""A kernel with the extension, as a notebook has it."""

from jupyter_client.manager import start_new_kernel

from tests.conftest import PATIENCE


class Kernel:
    """An IPython kernel as a notebook has it."""

    def __init__(self, service):
        env = {**service.env, "IPYTHONDIR": str(service.home / "ipython"), "QSERVER_USER": "ada"}
        self.manager, self.client = start_new_kernel(kernel_name="python3", env=env)

    def run(self, code, *, is_console=False):
        """Run a cell: its reply, what it displayed last by MIME type, and what it printed."""
        reply, outputs, _ = self.watch(code, is_console=is_console)
        shown = {mime: data for output in outputs for mime, data in output.get("data", {}).items()}
        printed = [output["text"] for output in outputs if output["msg_type"] == "stream"]
        return reply, shown, "".join(printed)

    def watch(self, code, *, is_console=False):
        """Run a cell: its reply, its outputs as a notebook keeps them, and the data of all displays and updates."""
        outputs, displays, data = [], {}, []

        def note(message):
            kind, content = message["header"]["msg_type"], message["content"]
            if kind in ("execute_result", "display_data", "stream"):
                outputs.append({**content, "msg_type": kind})
            if kind in ("display_data", "update_display_data"):
                data.append(content["data"])
                display = content["transient"].get("display_id")
                if kind == "display_data":
                    displays[display] = outputs[-1]
                else:
                    displays[display]["data"] = content["data"]

        # Consoles let the kernel ask; the programs that run notebooks do not.
        reply = self.client.execute_interactive(code, output_hook=note, timeout=PATIENCE, allow_stdin=is_console)
        return reply["content"], outputs, data

    def close(self):
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)


def completed(kernel, code):
    """What the kernel offers at the end of a cell, in place of what it completes."""
    content = kernel.client.complete(code, len(code), reply=True, timeout=PATIENCE)["content"]
    return content["matches"], code[content["cursor_start"] :]
