import logging
from datetime import datetime

from IPython import get_ipython
from IPython.terminal.prompts import Prompts, Token

ipython = get_ipython()


class ProposalPrompt(Prompts):
    def in_prompt_tokens(self, cli=None):
        return [(Token.Prompt, "[%s] " % RE.md.get("proposal_id", "none"))]


ip = get_ipython()
ip.prompts = ProposalPrompt(ip)
ipython.magic("load_ext autoreload")
ipython.run_line_magic("autoreload", "2")
ip.log.setLevel(logging.ERROR)
logging.getLogger("bluesky").setLevel("INFO")
formatter = get_ipython().display_formatter.formatters["text/plain"]
formatter.for_type(float, lambda value, p, cycle: p.text("%g" % value))


def reload_macros(name="align.py"):
    path = os.path.join(get_ipython().profile_dir.startup_dir, "macros", name)
    get_ipython().magic("run -i " + path)
