"""Webhooks: registrations that survive a restart, and deliveries, at least once, of what Git says has happened.

Which messages there are, and how they are signed, is said by a protocol; see ``delivery.WebhookProtocol``.
"""
