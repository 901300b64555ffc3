"""Comments, docstrings, texts and names in plain English: words that docs/contributing.md replaces do not come back.

The test reads tokens and the syntax tree, so that it sees exactly the comments, the docstrings, the texts of two words
or more (error texts, journal entries) and the names that the code itself makes.
"""

from __future__ import annotations

import ast
import builtins
import io
import keyword
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[1]
PACKAGE = PROJECT / "zefnb"
FILES = sorted(path for part in (PACKAGE, PROJECT / "attacks", PROJECT / "bench") for path in part.rglob("*.py"))

# A pattern, and the plain words for it. Each is a metaphor, a person for an object, or an inverted sentence.
PHRASES = {
    r"\b(?:some|any|no|every)body\b|\bwhoever\b": "name the object: the caller, a thread, a client, a subscriber",
    r"(?:^|[.;:,(] )who\b": "name the object, or 'the caller'",
    r"\b(?:and|so|as|for|of|by|to|if|when|until) who\b": "name the object, or 'the caller'",
    r"(?:^|[.;:] )what\b(?! is\b[^.]*\?)": "begin with the subject: 'The result of ...'",
    r"\bwhat (?:comes|came|goes|went|follows|waits|fails|runs|leads|led)\b": "name it: messages, calls, errors",
    r"\b(?:it|that|which|and|call|handler|function|effect|op|loop|thread|server) answers\b": "'returns' or 'responds'",
    r"\banswered\b": "'returned' or 'responded'",
    r"\b(?:an?|the|another|each|http|unexpected) answers?\b": "'response', 'reply', 'result'",
    r"(?:^|[.;:] )(?:copied|shared|wrong|excluded|meant|listed) (?:is|are)\b": "name the subject first: 'It copies'",
    r"\b(?:tell|tells|told|telling)\b": "'notifies', 'shows', 'returns', or 'whether'",
    r"\b(?:hear|hears|heard)\b": "'receives'",
    r"\b(?:say|says|(?<!you )said)\b": "'shows', 'reports', 'whether'",
    r"\b(?:know|knows|knew)\b": "'has', 'depends on', 'can read'",
    r"\bask(?:s|ed|ing)?\b": "'calls', 'reads', 'requests'",
    r"\b(?:lives?|lived) (?:on|in|at|here|there|elsewhere)\b|\bhere lives?\b": "'is in', 'belongs to', 'runs on'",
    r"\b(?:go|goes|going) home\b|\bat home\b": "'exits', 'belongs to'",
    r"\b(?:goes?|went|gone) by\b": "'uses', 'passes'",
    r"\b(?:goes?|going|went) on\b": "'continues'",
    r"\blets? go\b|\bletting go\b": "'releases'",
    r"\b(?:is|are|has|have|was|were) gone\b": "'has ended', 'is closed', 'is deleted'",
    r"\blook(?:s|ed|ing)? (?:at|over|into|after|again|whether|on)\b": "'checks', 'reads', 'inspects'",
    r"\b(?:hold|holds|held|holding) (?:up|back)\b": "'blocks', 'pauses', 'delays'",
    r"\bholds? nobody\b|\bholds? the loop\b|\bheld the loop\b": "'blocks the loop'",
    r"\b(?:rang|rung)\b|\b(?:has|will|may) ring\b|\bring(?:s)? for\b": "'wakes', 'wake-up'",
    r"\b(?:this|its|own|a|the) turns?\b|\bturns of the\b": "'loop iteration'",
    r"\bwithout a word\b": "'without sending close frames'",
    r"\bin (?:its|your) (?:hand|face)\b": "say what happens",
    r"\bof ours\b|\bour own\b|\bours\b": "'zefnb's', 'the program's', or name it",
    r"\bstrangers?\b": "'peers'",
    r"\bclocks? on the wall\b": "'system clock'",
    r"\bfor who\b|\bthose who\b": "name the object",
    r"\b(?:stands?|stood) still\b": "'does not respond', 'waits'",
    r"\b(?:gets|got|comes) through\b": "'interrupts', 'arrives'",
    r"\bas it (?:stands|likes)\b|\bwhat (?:it|he|they) likes?\b": "'any value', 'unchecked'",
    r"\bfor its sake\b|\bsuffer\b|\ball the same\b": "give the reason",
    r"\blast words\b|\bto the letter\b|\bthe riddle\b": "say it directly",
    r"\binterpreter'?s? lock\b": "'GIL'",
    r"\bat an end\b|\bcomes? to an end\b": "'ends'",
    r"\bunder way\b": "'running', 'not complete'",
    r"\bis to happen\b|\bis to be done\b": "'an action', 'the call'",
    r"\b(?:it|they|that|this|body|value|text|name|key|file|path) (?:is|are) no (?!longer\b|more\b)": "'is not a'",
    r"\bpatience\b|\bpolitely\b|\bhonest\b|\bgreedy\b": "'timeout', 'in order', 'valid'",
}
COMPILED = {re.compile(pattern, re.IGNORECASE): advice for pattern, advice in PHRASES.items()}

# Words that no name may contain.
WORDS = {
    *("told", "heard", "said", "came", "asked", "gone", "kept", "who", "whoever", "nobody", "somebody", "everybody"),
    *("answer", "answers", "answered", "patience", "ear", "bell", "ringer", "herald", "beside", "apart", "riddle"),
    *("harmless", "lingers", "death", "thing", "things"),
}
# A public name, a name that is part of the format of database files, and a name of another library.
NAMES_THAT_STAY = {
    ("zefnb/ops/flow.py", "answer"),
    ("zefnb/store/codec.py", "told"),
    ("zefnb/net/https/orders.py", "answer_challenge"),
}


def static_files() -> list[Path]:
    """The scripts, style sheets and pages that a browser loads."""
    return sorted(path for suffix in ("js", "css", "html") for path in PACKAGE.rglob(f"*.{suffix}"))


def static_comments(source: str) -> Iterator[tuple[int, str]]:
    """Each comment of a script or a style sheet; the lines of a block of comments as one text."""
    for found in re.finditer(r"/\*(.*?)\*/|(?:^[ \t]*//[^\n]*\n)+", source, re.S | re.M):
        text = found[1] if found[1] is not None else re.sub(r"^[ \t]*//", "", found[0], flags=re.M)
        yield source[: found.start()].count("\n") + 1, " ".join(text.split())


def static_names(source: str) -> Iterator[tuple[int, str]]:
    """Each identifier and class, in parts of one word: `askedAt` and `zw-asked` have the part `asked`."""
    for line, text in enumerate(source.splitlines(), 1):
        yield from ((line, part.lower()) for part in re.findall(r"[A-Z]?[a-z]+", text))


def comments(source: str) -> Iterator[tuple[int, str]]:
    """Each comment; the lines of a block of comments as one text."""
    block: list[str] = []
    begin = last = 0
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type != tokenize.COMMENT:
            continue
        line, text = token.start[0], token.string.lstrip("# ")
        if block and (line != last + 1 or token.line.strip() != token.string):
            yield begin, " ".join(block)
            block = []
        begin, last, block = (begin if block else line), line, [*block, text]
    if block:
        yield begin, " ".join(block)


def texts(source: str) -> Iterator[tuple[int, str]]:
    """Each docstring, without its examples, and each other text of two words or more."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value.strip():
            words = node.value.partition("\n>>> ")[0].partition(">>> ")[0]
            for paragraph in re.split(r"\n\s*\n", words):
                yield node.lineno, " ".join(paragraph.split())


def names(source: str) -> Iterator[tuple[int, str]]:
    """Each name that the code makes or uses, but not Python's own."""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.NAME and not keyword.iskeyword(token.string) and not hasattr(builtins, token.string):
            yield token.start[0], token.string


def unplain(text: str) -> list[str]:
    """The phrases of a text that are to be replaced, each with advice."""
    return [f"{match[0]!r}: {advice}" for pattern, advice in COMPILED.items() if (match := pattern.search(text))]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PROJECT)))
def test_comments_docstrings_and_texts_are_in_plain_words(path):
    source = path.read_text()
    found = [
        f"{path.name}:{line}: {fault} in {text[:100]!r}"
        for line, text in (*comments(source), *texts(source))
        for fault in unplain(text)
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PROJECT)))
def test_names_are_the_words_of_the_field(path):
    place = str(path.relative_to(PROJECT))
    found = {
        f"{path.name}:{line}: {name}"
        for line, name in names(path.read_text())
        if WORDS & set(name.lower().split("_")) and (place, name) not in NAMES_THAT_STAY
    }
    assert not found, "\n".join(sorted(found))


@pytest.mark.parametrize("path", static_files(), ids=lambda path: path.name)
def test_files_for_the_browser_have_plain_comments_and_names(path):
    source = path.read_text()
    found = [f"{line}: {fault} in {text[:100]!r}" for line, text in static_comments(source) for fault in unplain(text)]
    found += [f"{line}: {name}" for line, name in static_names(source) if name in WORDS]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    "text",
    [
        "It may ring for somebody who has gone, so who wakes must look why.",
        "who asks without a pause must not hold them up",
        "the others go home",
        "is not at home in this process",
        "without a word to its peers",
        "What `run` answers.",
        "lets go of the interpreter's lock",
        "The hub has let go of it, and tells nobody.",
        "Copied are dicts and lists.",
        "The function returns the answer of the route.",
    ],
)
def test_the_sentences_that_were_replaced_are_found(text):
    assert unplain(text)


@pytest.mark.parametrize(
    "text",
    [
        "Wake-ups can be spurious: re-check the condition.",
        "Bounded, so that a busy caller cannot starve the sockets.",
        "Surplus workers exit.",
        "The text belongs to another process.",
        "Return the result of `run` for the user who ran the cell.",
        "A ring buffer of entries, which any thread can write to.",
    ],
)
def test_plain_sentences_are_not(text):
    assert not unplain(text)


SOURCE = '''
"""What comes in.

>>> told = 1  # nobody reads an example
"""
told = 2
# Whoever asks
# must look again.
raise ValueError(f"{told} is held back")
'''


def test_comments_and_names_of_a_script_are_read():
    script = "// Whoever asks\n// must look again.\nconst askedAt = 1; /* told */\n"
    assert list(static_comments(script)) == [(1, "Whoever asks must look again."), (3, "told")]
    assert {"asked", "at"} <= {name for _, name in static_names(script)}


def test_comments_docstrings_texts_and_names_of_a_source_are_read_and_examples_are_not():
    assert list(comments(SOURCE)) == [(7, "Whoever asks must look again.")]
    assert [text for _, text in texts(SOURCE)] == ["What comes in.", "is held back"]
    assert {name for _, name in names(SOURCE)} == {"told"}
