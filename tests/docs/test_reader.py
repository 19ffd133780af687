"""The reader of pages itself: what it finds, and that it notices a page that is wrong."""

from contextlib import ExitStack
from pathlib import Path

import pytest
from answers import shows
from blocks import ROOT, Command, File, read
from reader import Reader


def page_of(folder: Path, text: str, name: str = "page.md") -> Path:
    """A page of this text."""
    path = folder / name
    path.write_text(text)
    return path


def play(folder: Path, text: str, name: str = "page.md") -> None:
    """Read a page of this text and do what it says."""
    rooms = folder / "reader"
    rooms.mkdir()
    with ExitStack() as stack:
        Reader(read(page_of(folder, text, name)), rooms, stack).read_all()


def test_blocks_are_found_wherever_they_stand(tmp_path: Path) -> None:
    """With and without a fence, in a list, with their notes and their answers."""
    text = """# Page

<!-- needs: server, curl -->

<!-- name: one; exits: 1 -->
```sh
false
```

- x

  ```sh
  echo
  ```

  ```text
  …
  ```

<!-- not run: a drawing -->

    a -> b

<!-- shape: Thing -->
```json
{}
```
"""
    page = read(page_of(tmp_path, text))
    assert page.needs == ("server", "curl")
    assert [block.line for block in page.blocks] == [6, 12, 16, 22, 25]
    assert [block.name for block in page.blocks] == ["one", None, None, None, None]
    assert [block.exempt for block in page.blocks] == [None, None, None, "a drawing", None]
    false, echo, thing = page.steps()
    assert isinstance(false, Command)
    assert isinstance(echo, Command)
    assert isinstance(thing, File)
    assert (false.status, false.answer) == (1, None)
    assert echo.answer is page.blocks[2]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("    a -> b\n", "nobody checks a block of no language"),
        ("```ruby\nputs 1\n```\n", "nobody checks a block of ruby"),
        ("```json\n{}\n```\n", "right after its command"),
        ("```sh\ntrue\n```\n\n```json\n1\n```\n\n```json\n2\n```\n", "right after its command"),
        ("```toml\n```\n", "under which name"),
        ("<!-- nmae: x -->\n```sh\ntrue\n```\n", "unknown note 'nmae'"),
        ("<!-- name: x -->\n\nProse.\n\n```sh\ntrue\n```\n", "above no block"),
        ("<!-- needs: sevrer -->\n\n```sh\ntrue\n```\n", "is called 'sevrer'"),
        ("```sh\nfalse\n```\n", "ended with 1 instead of 0|was cut off"),
        ("```sh\nfalse | true\n```\n", "was cut off"),
        ("<!-- exits: 1 -->\n```sh\ntrue\n```\n", "ended with 0 instead of 1"),
        ("```python\n1 / 0\n```\n", 'page.md.py", line 2'),
        ("```sh\necho 1\n```\n\n```text\n2\n```\n", "page.md:5 shows"),
        ("```python\nprint(1)\n```\n\n```text\n2\n```\n", "page.md:5 shows"),
        ("<!-- file: largesse.toml -->\n```toml\n[server]\nprot = 1\n```\n", "unknown setting"),
        ('<!-- shape: NewCampaignInput -->\n```json\n{"nmae": ""}\n```\n', "nmae"),
    ],
)
def test_a_wrong_page_is_noticed(tmp_path: Path, text: str, complaint: str) -> None:
    """Negative control: each mistake that a page can make, and the word that tells of it."""
    with pytest.raises(Exception, match=complaint):
        play(tmp_path, text)


def test_a_right_page_is_not(tmp_path: Path) -> None:
    """What is set in the shell stays; Python in a row is one program; files are there."""
    play(
        tmp_path,
        """
```sh
NAME=mina
```

```sh
echo $NAME
```

```text
mina
```

<!-- file: conf/largesse.toml -->
```toml
[server]
port = 9000
```

```python
from pathlib import Path
text = Path("conf/largesse.toml").read_text()
```

```python
print(text)
```

```text
[server]
port = …
```

<!-- exits: 3 -->
```sh
exit 3
```
""",
    )


def test_a_server_that_a_page_starts_is_the_pages_own(tmp_path: Path) -> None:
    """By the usual address and the key as it is shown."""
    play(
        tmp_path,
        """
<!-- starts: server -->
```sh
largesse serve --database sqlite:///other.db
```

```sh
curl -s http://127.0.0.1:8000/api/v1/campaigns -H 'Authorization: Bearer lgs_…'
ls other.db
```

```json
{"items":[],"next":null}
other.db
```
""",
    )


@pytest.mark.parametrize(
    ("printed", "answer"),
    [
        ('{"a":1,"b":2}', '{"a":1,\n "b":2}'),
        ('{"a":1,"b":2}', '{"a":…,"b":2}'),
        ('{"a":1}\n{"b":2}', '{"a":1}\n{"b":2}'),
    ],
)
def test_answers_may_be_wrapped_and_shortened(printed: str, answer: str) -> None:
    """What a page may leave out of an answer."""
    assert shows(answer, printed)


@pytest.mark.parametrize(
    "answer", ['{"a":2,"b":2}', '{"a":…,"b":3}', '{"a":1', '{"a":1,"b":2}}', '{"a":1,"c":…}']
)
def test_a_wrong_answer_is_noticed(answer: str) -> None:
    """Negative control: another value, something missing, something more."""
    assert not shows(answer, '{"a":1,"b":2}')


@pytest.mark.slow
@pytest.mark.parametrize(
    ("page", "right", "wrong", "complaint"),
    [
        ("nginx.md", "proxy_http_version", "proxy_htpt_version", "unknown directive"),
        ("nginx.md", "location /api/", "location /apu/", "nginx.md:"),
        ("nginx.md", '["127.0.0.1"]', '"127.0.0.1"', "access.proxies is"),
        ("systemd.md", "Type=exec", "Tpye=exec", "Unknown key.* 'Tpye'"),
        ("systemd.md", "largesse serve --config", "largesse serv --config", "no server started"),
    ],
)
def test_a_wrong_configuration_is_noticed(
    tmp_path: Path, page: str, right: str, wrong: str, complaint: str
) -> None:
    """Negative control: a word that nginx or systemd does not know, a word that misleads."""
    text = (ROOT / "docs" / "how-to" / page).read_text()
    assert right in text
    with pytest.raises(Exception, match=complaint):
        play(tmp_path, text.replace(right, wrong), page)
