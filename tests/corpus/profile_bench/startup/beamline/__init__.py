"""A beamline's own package, beside its startup files."""
