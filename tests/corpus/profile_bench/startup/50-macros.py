exec(open(os.path.join(get_ipython().profile_dir.startup_dir, "macros", "align.py")).read())
exec(open(os.path.join(os.path.dirname(__file__), "macros", "align.py")).read(), globals())
reload_macros()
