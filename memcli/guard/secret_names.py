"""What a name says about the value behind it: a password, another secret, or something public.

Names are split into words at `_`, `-`, `.`, spaces and case (`clientSecretKey` is client, secret, key); the last words
decide. Owns the word lists. Lean: imported by every write.
"""

from __future__ import annotations

import re
from functools import cache

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_LAST_WORDS = 3


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


_PASSWORDS = _set(
    "password passwd passphrase passcode pwd pass pw pswd passw pgpassword userpassword mypassword dbpassword"
)
_SECRETS = _set(
    "secret secrets token tokens credential credentials creds apikey apitoken authtoken accesstoken clientsecret"
    " accesskey secretkey privatekey signingkey encryptionkey masterkey apisecret auth oauth bearer jwt pat salt"
    " dsn cookie"
)
_AUTHORIZATION = _set("authorization")
# `key` alone is a word of every program; behind one of these it opens something.
_KEY_QUALIFIERS = _set(
    "api access secret private encryption encrypt signing sign master auth account service app application client"
    " consumer admin storage shared license licence deploy webhook hmac jwt aes session root integration"
    " subscription bot write crypto security project server functions ingest sdk function host rest management"
    " personal team user passkey cipher"
)
# A name with one of these among its last words says what else the value is: a label, a place, a size, public.
_PUBLIC = _set(
    "public pub csrf xsrf authenticity keyword keywords id ids name names url uri path file files filename dir"
    " size length len type count hash checksum digest version endpoint region format algorithm alg fingerprint"
    " page next continuation cursor cancellation sort primary foreign cache idempotency expiry expires expiration"
    " ttl date time at limit index bits usage vault arn ref prefix suffix header field column table provider"
    " manager store storage pair class test spec rev commit sha md5 integrity sum image tag label title message"
)
# Services whose bare name before a random value means its key (`okta = ...`); none that also names commits or images.
_PROVIDERS = _set(
    "adafruit adobe airtable algolia anthropic asana atlassian beamer bittrex cloudflare codecov cohere coinbase"
    " confluent contentful datadog digitalocean discord droneci dropbox dynatrace easypost etsy fastly finicity"
    " finnhub flickr freshbooks gitter gocardless hubspot intercom jfrog kraken kucoin launchdarkly linkedin lob"
    " looker mailchimp mailgun mapbox mattermost meraki messagebird mistral netlify newrelic nytimes okta openai"
    " opsgenie pagerduty plaid postmark privateai rapidapi sendbird sendgrid sentry shippo sidekiq snyk sonarqube"
    " sourcegraph splunk squarespace sumologic sumo telegram travisci trello twilio twitch twitter vonage yandex"
    " zendesk"
)


@cache
def _words(name: str) -> tuple[str, ...]:
    return tuple(word.lower() for word in _WORD.findall(name) if not word.isdigit())


def is_password_name(name: str) -> bool:
    """Whether a value behind `name` is a password: `DB_PASSWORD`, `smtp.pass`."""
    last = _words(name)[-_LAST_WORDS:]
    return any(word in _PASSWORDS for word in last) and not any(word in _PUBLIC for word in last)


def is_secret_name(name: str) -> str | None:
    """How `name` calls its value secret: "authorization", "secret" (token, API key, ...), "provider" (only the name of
    a service), or None."""
    words = _words(name)
    last = words[-_LAST_WORDS:]
    if any(word in _AUTHORIZATION for word in last):
        return "authorization"
    if any(word in _PUBLIC for word in last):
        return None
    if any(word in _SECRETS for word in last):
        return "secret"
    for before, word in zip(words[-_LAST_WORDS - 1 :], last[-len(words) + 1 :], strict=False):
        if word in ("key", "keys") and (before in _KEY_QUALIFIERS or before in _PROVIDERS):
            return "secret"
    return "provider" if words and words[-1] in _PROVIDERS else None
