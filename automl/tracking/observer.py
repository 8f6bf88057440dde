"""stub"""
def trackers(settings): return []
