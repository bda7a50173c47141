"""Every problem that settings can have, declared once: a stable id, what it means, and a hint."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from jwt_signer_mw.errors import Problem

if TYPE_CHECKING:
    Level = Literal["error", "warning"]


class Entry(NamedTuple):
    """One kind of problem. An id is never used again for something else."""

    id: str
    meaning: str
    hint: str

    @property
    def level(self) -> Level:
        return "warning" if ".W" in self.id else "error"


ENTRIES = (
    Entry("settings.E001", "The name is unknown.", "See the reference of settings for all names."),
    Entry("settings.E002", "The value is of the wrong type.", "See the reference for the type."),
    Entry("settings.E003", "Text that should be JSON is not.", "A member that occurs twice is refused too."),
    Entry("settings.E004", "A number is not finite or out of bounds.", "Mind the unit of the option."),
    Entry("settings.E005", "Text is empty.", "Leave the option out, or set it to null."),
    Entry("settings.E006", "Text has stray white space or control characters.", "Check how it was copied."),
    Entry("settings.E007", "The value is not one of the choices.", "Choices are case-sensitive."),
    Entry("settings.E008", "A list is empty.", "Leave it out for no check; an empty list never means all."),
    Entry("settings.E009", "A list names an element twice.", "Remove one of them."),
    Entry(
        "settings.E010",
        "A reference can't be resolved.",
        "Write {vault://env/NAME} or {file:///path}; neither may be unset or empty.",
    ),
    Entry(
        "settings.E011",
        "A reference stands where none is resolved.",
        "A reference is the whole value, and only options marked as referenceable take one.",
    ),
    Entry(
        "settings.E012",
        "A certificate's name is unknown.",
        'Add it to `certificates` as {"cert": path, "key": path}.',
    ),
    Entry("settings.E013", "The settings file can't be read.", "TOML, JSON and YAML are understood."),
    Entry("settings.E020", "Half of a pair of user name and password is missing.", "Set both or none."),
    Entry("settings.E021", "A user name can't be sent.", "RFC 7617: HTTP Basic ends the name at a colon."),
    Entry("settings.E022", "A header can't carry a token.", "Use a name such as X-JWT-channel-client."),
    Entry(
        "settings.E023",
        "Two of the four output headers are the same.",
        "Names are compared without case; -, _ and . count as one. Rename one or set it to null.",
    ),
    Entry(
        "settings.E024",
        "A URL can't be used.",
        "Credentials belong in ..._client_username and ..._client_password, or in the authorization option.",
    ),
    Entry("settings.E025", "A key set's name or URL can't be used.", "Use a plain name such as kong."),
    Entry(
        "settings.E026",
        "The URL of a service is unknown.",
        "Give a URL, an object that is the service, or its dotted path.",
    ),
    Entry(
        "settings.E027",
        "An encryption key can't be used.",
        "A Fernet key is 32 bytes in URL-safe base64: 44 characters.",
    ),
    Entry("settings.E028", "A path can't be used.", "Write /health, or /public/* for all below /public/."),
    Entry("settings.E029", "A value can't be sent in a header.", "Use visible ASCII characters."),
    Entry("settings.E030", "Form arguments can't be sent.", "Write them as in resource=a&audience=b%20c."),
    Entry("settings.E031", "Two consumers can't be told apart.", "Make id, username and custom_id unique."),
    Entry(
        "settings.E070",
        "An observer is unknown.",
        "Take prometheus or opentelemetry, or the dotted path of a callable.",
    ),
    Entry("settings.E071", "Request ids can't come in that header.", "Take X-Request-ID or traceparent."),
    Entry(
        "settings.E040",
        "DPoP can't be spoken like this.",
        "RFC 9449: the token comes in Authorization or in a header of its own, the one proof in DPoP.",
    ),
    Entry("settings.E041", "An origin can't be used.", "Write it as in https://api.example.com."),
    Entry("settings.E042", "A header can't tell of a certificate.", "Use a header such as Client-Cert."),
    Entry("settings.E060", "Two options contradict each other.", "Unset one of them."),
    Entry(
        "settings.E090",
        "Metadata of the resource can't be served.",
        "See RFC 9728 section 2 for the members, and docs/how-to/mcp.md for an example.",
    ),
    Entry("settings.E061", "A type of JWT can't be accepted.", "Leave it out: see `typ` in RFC 8725."),
    Entry(
        "settings.E062",
        "A profile demands a check that is not in use.",
        "RFC 9068 section 4: check signature, expiry, issuer and audience, or unset the profile.",
    ),
    Entry(
        "settings.E050",
        "We can't authenticate at an introspection endpoint as it should be.",
        "Each method of `..._introspection_client_auth` has options of its own; the how-to page lists them.",
    ),
    Entry(
        "settings.E051",
        "JWTs are to be introspected, and can't be.",
        "Set a `..._introspection_endpoint`, and leave `enable_..._introspection` on.",
    ),
    Entry(
        "settings.E052",
        "Signed introspection results can't be verified.",
        "They need keys, an issuer and our client identifier.",
    ),
    Entry(
        "settings.E032",
        "A parameter is for one issuer, where several are trusted.",
        "Move it into the map of trusted issuers.",
    ),
    Entry(
        "settings.E033",
        "A trusted issuer has neither keys nor an endpoint.",
        "Give it a `jwks_uri` or an `introspection_endpoint`, or leave `discovery` on.",
    ),
    Entry(
        "settings.E034",
        "The metadata of an issuer can't be read.",
        "An issuer with metadata is an https:// URL, exactly as its tokens say it in `iss`.",
    ),
    Entry(
        "settings.E063",
        "A template can't be used.",
        "Write {claims.email}, {consumer.username} or {request.host}; {{ and }} stand for braces.",
    ),
    Entry(
        "settings.E064",
        "A claim can't be written by a template.",
        "Issuer and times are what others rest on: see `..._issuer` and `..._upstream_leeway`.",
    ),
    Entry("settings.E065", "A key to hide subjects with is short.", "Take 32 random characters or more."),
    Entry(
        "settings.E091",
        "A shadow can't have its own value for this.",
        "It may have other claim rules, kinds of tokens and switches; see docs/how-to/report-only.md.",
    ),
    Entry(
        "settings.E092",
        "A shadow names a policy that can't be one.",
        "Name another policy of this application that reads the same headers, or give settings.",
    ),
    Entry("settings.E035", "A limit to old answers has no effect.", "Set what it needs, or unset it."),
    Entry("settings.W001", "HMAC signatures are accepted.", "Prefer tokens with RS256, ES256 or EdDSA."),
    Entry("settings.W002", "A secret is short.", "Take 32 random characters or more."),
    Entry("settings.W003", "Both tokens come from one header.", "Give each token a header of its own."),
    Entry("settings.W004", "A new token may outlive the old one.", "Leave `exp` alone."),
    Entry("settings.W005", "Signatures are not checked.", "Set a `..._jwks_uri` and leave the check on."),
    Entry("settings.W006", "TLS certificates are not checked.", "Trust the authority instead."),
    Entry("settings.W007", "Plain HTTP leaves the machine.", "Use https://."),
    Entry("settings.W008", "A claim may have any value.", "List the values that are meant for you."),
    Entry(
        "settings.W009",
        "A rule is not enforced on opaque tokens.",
        "Set the rule for introspection results, or `trust_..._introspection` to false.",
    ),
    Entry(
        "settings.W010",
        "A token is mandatory, but no header is set for it.",
        "Set the name of its header, or `..._optional` to true.",
    ),
    Entry("settings.W011", "No token can be accepted.", "Set a key set or an introspection endpoint."),
    Entry("settings.W012", "Expiry is not checked.", "Leave the check on; leeway is for clocks that differ."),
    Entry("settings.W013", "Forced reloads are not limited.", "Leave some seconds between two."),
    Entry(
        "settings.W040",
        "The client says itself where it sent a request to.",
        "Set `public_origins`, or a proof for another service passes here under that one's name.",
    ),
    Entry("settings.W041", "Nonces are good in one process only.", "Set `dpop_nonce_secret`."),
    Entry("settings.W092", "A check only reports.", "Take it from the list once the log is silent."),
    Entry(
        "settings.W042", "Certificates are told, and not asked for.", "Set `..._mtls` to allowed or required."
    ),
    Entry(
        "settings.W090",
        "Tokens for other services are accepted by this resource.",
        "List the value of `resource` in `access_token_audiences_allowed`, as RFC 8707 issues it.",
    ),
    Entry(
        "settings.W091",
        "The metadata of the resource name no authorization server.",
        "List issuers in `access_token_issuers_allowed`, or `authorization_servers` in `resource_metadata`.",
    ),
    Entry("settings.W015", "Metadata come over plain HTTP.", "Use https:// for everything but tests."),
    Entry("settings.W014", "Trusted issuers share keys.", "Trust one, or ask for keys of their own."),
    Entry(
        "settings.W060",
        "A subject that a new token hides goes on elsewhere.",
        "Unset it, or leave subjects as they are.",
    ),
)

BY_ID = {entry.id: entry for entry in ENTRIES}


def problem(name: str, option: str, text: str, hint: str = "") -> Problem:
    """A problem of that kind. `text` is safe to show: it never repeats the value of a secret."""
    entry = BY_ID[name]
    return Problem(name, entry.level, option, text, hint or entry.hint)
