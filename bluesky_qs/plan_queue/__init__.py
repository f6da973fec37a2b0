"""plan_queue"""
