from __future__ import annotations

import datetime
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pysqlite3 import dbapi2 as sqlite3

from memcli.encode.terms import (
    MAX_IDENTIFIERS,
    MAX_QUERY_TERMS,
    Term,
    date_words,
    fts_text,
    identifiers,
    match_expression,
    mostly_latin,
    query_terms,
)

ROOT = Path(__file__).resolve().parents[2]

# (sentence, query, …): each query must find its own sentence first among all sentences of the language.
CHINESE = [
    ("我们每次使用都会轮换刷新令牌", "刷新令牌怎么处理", "令牌"),
    ("数据库连接池的大小设置为二十", "连接池大小是多少", "连接"),
    ("她去年夏天搬到了上海", "她什么时候搬到上海的", "上海"),
    ("支付失败时最多重试三次", "支付失败重试几次", "支付"),
    ("小王喜欢喝绿茶不喜欢咖啡", "小王喜欢喝什么", "绿茶"),
    ("测试环境部署在新加坡机房", "测试环境在哪个机房", "机房"),
    ("前端使用Vue而不是React", "前端用Vue还是别的", "前端"),
    ("缓存过期时间是五分钟", "缓存多久过期", "缓存"),
    ("日志不能记录用户密码", "日志里可以写密码吗", "密码"),
    ("周五下午不要发布新版本", "什么时候不能发布版本", "发布"),
]
JAPANESE = [
    ("リフレッシュトークンは毎回更新する", "トークンの更新はいつ", "更新"),
    ("彼女は去年大阪に引っ越した", "大阪に引っ越したのは誰", "大阪"),
    ("データベースの接続数は二十に設定した", "接続数の設定", "接続"),
    ("田中さんは猫を二匹飼っている", "猫を飼っているのは誰", "猫"),
    ("本番環境は東京リージョンにある", "本番環境のリージョン", "本番"),
    ("失敗したら三回まで再試行する", "何回再試行するか", "失敗"),
    ("金曜日の午後はリリースしない", "金曜日のリリース", "金曜"),
    ("ログにパスワードを書かないこと", "パスワードをログに", "ログ"),
    ("すしよりラーメンが好きだ", "ラーメンは好きか", "すし"),
    ("キャッシュの有効期限は五分", "キャッシュの期限", "期限"),
]
RUSSIAN = [
    ("Мы обновляем токены при каждом использовании", "обновление токена", "токен"),
    ("Она переехала в Москву прошлым летом", "когда переезжала в Москве", "москва"),
    ("Размер пула соединений равен двадцати", "сколько соединение в пуле", "размеры"),
    ("Пароли пользователей нельзя писать в журнал", "пароль пользователя в журнале", "паролей"),
    ("Ошибка появляется после перезапуска сервера", "ошибки при перезапуске", "сервером"),
    ("Кошка Ивана боится собак", "чего боится кошка", "собаки"),
    ("Тесты запускаются на отдельной машине", "где запустить тест", "машины"),
    ("Срок хранения кэша пять минут", "сроки хранение кэш", "минута"),
    ("Ещё нужна проверка подписи вебхуков", "проверять подпись вебхука", "подписью"),
    ("Книгу отдали в библиотеку", "где книга", "библиотеки"),
]
ARABIC = [
    ("نقوم بتدوير الرموز عند كل استخدام", "تدوير رموز", "الرموز"),
    ("انتقلت إلى القاهرة في الصيف الماضي", "متى انتقلت للقاهره", "قاهرة"),
    ("حجم مجمع الاتصالات عشرون", "كم اتصال في المجمع", "حجم"),
    ("لا تكتب كلمات المرور في السجل", "كلمة مرور في سجل", "مرور"),
    ("يظهر الخطأ بعد إعادة تشغيل الخادم", "خطا في خادم", "خادم"),
    ("أحمد يحب القهوة ولا يحب الشاي", "ماذا يحب احمد", "قهوه"),
    ("تعمل الاختبارات على جهاز منفصل", "اختبارات الجهاز", "جهاز"),
    ("مدة التخزين المؤقت خمس دقائق", "تخزين مؤقت", "دقائق"),
    ("اَلْكِتَابُ فِي المَكْتَبَةِ", "كتاب", "مكتبة"),
    ("لا ننشر الإصدارات يوم الجمعة", "نشر اصدار", "جمعة"),
]
OTHERS = [
    ("ภาษาไทยไม่มีช่องว่าง", "ไม่มีช่องว่าง", "ไทย"),
    ("हिन्दी में खोज करें", "हिन्दी खोज", "खोज"),
    ("한국어 문서를 검색합니다", "한국어 검색", "문서"),
    ("ភាសាខ្មែរ", "ខ្មែរ", "ភាសា"),
    ("un café très naïf", "cafe naif", "TRÈS", "nai\u0308f"),
    ("ﾊﾝｶｸ ｶﾅ と Ｗｉｄｅ", "ハンカク", "カナ", "wide"),
    ("слово x86процессор", "x86процессор", "слова"),
]


def table(rows: list[str]) -> sqlite3.Connection:
    db = sqlite3.connect(":memory:")
    db.execute("CREATE VIRTUAL TABLE t USING fts5(x, tokenize = 'porter unicode61 remove_diacritics 2')")
    db.executemany("INSERT INTO t(rowid, x) VALUES (?, ?)", enumerate(rows))
    return db


def ask(db: sqlite3.Connection, query: str) -> list[int]:
    if not (expression := match_expression(query_terms(query))):
        return []
    return [row[0] for row in db.execute("SELECT rowid FROM t WHERE t MATCH ? ORDER BY rank", (expression,))]


def cases() -> Iterator[tuple[list[str], int, str]]:
    for language in (CHINESE, JAPANESE, RUSSIAN, ARABIC, OTHERS):
        sentences = [sentence for sentence, *_ in language]
        for number, (_, *queries) in enumerate(language):
            yield from ((sentences, number, query) for query in queries)


@pytest.mark.parametrize(("sentences", "number", "query"), [pytest.param(*case, id=case[2]) for case in cases()])
def test_a_query_finds_its_sentence_first(sentences: list[str], number: int, query: str) -> None:
    assert ask(table([fts_text(sentence) for sentence in sentences]), query)[:1] == [number]


def test_one_character_meets_words_that_begin_hold_or_end_with_it() -> None:
    assert set(ask(table([fts_text(text) for text in ("猫が好き", "黒猫と犬", "大きな猫", "犬")]), "猫")) == {0, 1, 2}


def test_ascii_text_is_indexed_unchanged() -> None:
    text = "plain text, getUserName() "
    assert fts_text(text) is text


def test_runs_become_pairs_and_a_last_character() -> None:
    assert fts_text("Go言語 と Python").split() == ["Go", "言語", "語", "と", "Python"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("getUserName and get_user_name", "get user name getusername"),
        ("parseHTTPResponse2", "parse http response2 parsehttpresponse2"),
        ("src/user_api.py", "src user api py userapi srcuserapipy"),
        ("std::vec::Vec", "std vec stdvecvec"),
        ("error[E0308] ERR_CONN_RESET", "e0308 err conn reset errconnreset"),
        ("v1.2.3 or Python 3.11", "v1p2p3 v1p2 v3p11"),
        ("kebab-case", "kebab case kebabcase"),
        ("commit 9f032faa", "9f032faa"),
        ("__init__", "init"),
        ("plain words, A sentence. Another on 2023-05-08 at 10:30 for 20 people", ""),
        ("", ""),
    ],
)
def test_identifiers(text: str, expected: str) -> None:
    assert identifiers(text) == expected


def test_identifiers_are_bounded() -> None:
    assert len(identifiers(" ".join(f"name_{i}" for i in range(5000))).split()) <= MAX_IDENTIFIERS
    assert identifiers("a_" * 10_000) == ""


def test_the_ways_to_write_an_identifier_meet() -> None:
    texts = ["call getUserName() first", "the get-user-name flag", "user of a name", "set_user_name"]
    db = table([f"{text} {identifiers(text)}" for text in texts])
    for query in ("get_user_name", "GetUserName", "getusername"):
        assert set(ask(db, query)[:2]) == {0, 1}


def texts_of(query: str) -> list[str]:
    return [term.text for term in query_terms(query)]


def test_stop_words_go_unless_there_is_nothing_else() -> None:
    assert texts_of("What's Caroline's job, and didn't she like it?") == ["caroline", "job"]
    assert texts_of("who is it") == ["who", "is", "it"]
    assert texts_of("") == texts_of("?!") == []


def test_words_of_code_are_asked_whole_and_split() -> None:
    assert query_terms("why does src/app.py crash") == [
        Term("src/app.py", "phrase"),
        Term("src", "word"),
        Term("app", "word"),
        Term("py", "word"),
        Term("srcapppy", "identifier"),
        Term("crash", "word"),
    ]
    assert Term("user", "identifier") in query_terms("getUserName")


def test_long_queries_keep_the_telling_terms_in_order() -> None:
    numerals = [a + b for a in "bcdfghjklm" for b in "aeiou"]
    fillers = [f"{first}{second}" for first in numerals for second in numerals[:4]]
    terms = query_terms(" ".join([*fillers, "get_user_name", "distinctiveness", "E0308"]))
    assert len(terms) == MAX_QUERY_TERMS
    last = ["get_user_name", "getusername", "distinctiveness", "e0308"]
    assert [term.text for term in terms if term.text in last] == last


def test_a_term_is_asked_once() -> None:
    assert texts_of("cache Cache CACHE") == ["cache"]


hostile = st.one_of(
    st.text(),
    st.text(st.characters()),
    st.lists(
        st.sampled_from(
            [
                "AND",
                "OR",
                "NOT",
                "NEAR(",
                ")",
                "(",
                '"',
                "*",
                "^",
                ":",
                "-",
                "+",
                "\0",
                "\ud800",
                "{a b}",
                "x",
                "漢",
                "กี",
                "é",
                "_",
            ]
        )
    ).map(" ".join),
    st.lists(st.sampled_from(['"', "*", "\0", "\udfff", "a", "漢", "-", ".", "_", "ь", "ال"])).map("".join),
)
FUZZED = table(["x and y", "漢字"])


@given(hostile)
def test_no_text_breaks_fts5(text: str) -> None:
    FUZZED.execute("DELETE FROM t WHERE rowid = 7")
    FUZZED.execute("INSERT INTO t(rowid, x) VALUES (7, ?)", (f"{fts_text(text)} {identifiers(text)}",))
    ask(FUZZED, text)


@given(st.lists(st.builds(Term, hostile, st.sampled_from(["word", "phrase", "prefix"]))))
def test_no_term_breaks_fts5(terms: list[Term]) -> None:
    if expression := match_expression(terms):
        FUZZED.execute("SELECT count(*) FROM t WHERE t MATCH ?", (expression,)).fetchone()


@given(st.text(st.characters(categories=("L", "N")), min_size=1, max_size=30))
def test_every_text_finds_itself(text: str) -> None:
    db = table([fts_text(text)])
    vocabulary = (
        db.execute("CREATE VIRTUAL TABLE v USING fts5vocab(t, row)").execute("SELECT count(*) FROM v").fetchone()
    )
    if vocabulary[0]:
        assert ask(db, text) == [0]


@pytest.mark.parametrize("word", ["𞤀𞤁", "Ꭰꭱ", "ᲐᲑ", "𐒰"])
def test_capitals_that_unicode61_does_not_know(word: str) -> None:
    assert ask(table([fts_text(word)]), word.lower()) == ask(table([fts_text(word.lower())]), word) == [0]


@pytest.mark.parametrize("unit", ["a.", "_", "aB", "漢", "Б", "a'", "1.", "n", "ال", "a-", "x y", "-"])
def test_long_texts_take_linear_time(unit: str) -> None:
    text = unit * 100_000
    begin = time.process_time()
    query_terms(text), identifiers(text), fts_text(text)
    assert time.process_time() - begin < 5


@pytest.mark.parametrize(
    ("iso", "expected"),
    [
        ("2023-05-08T13:56", "2023-05-08 8 may 2023 monday"),
        ("2024-02-29", "2024-02-29 29 february 2024 thursday"),
        ("2023-05", "may 2023"),
        ("2023", "2023"),
        ("2023-13-01", ""),
        ("2023-00-01", ""),
        ("20230508", ""),
        ("yesterday", ""),
        ("", ""),
        (None, ""),
    ],
)
def test_date_words(iso: str | None, expected: str) -> None:
    assert date_words(iso) == expected


@given(st.dates())
def test_weekdays_are_those_of_the_calendar(day: datetime.date) -> None:
    weekdays = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
    assert date_words(day.isoformat()).split()[-1] == weekdays[day.weekday()]


def test_lean_modules_import_nothing_heavy() -> None:
    code = (
        "import sys; before = set(sys.modules); import memcli.encode.terms, memcli.encode.model; "
        "print(*(set(sys.modules) - before))"
    )
    done = subprocess.run([sys.executable, "-S", "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    heavy = {
        "numpy",
        "yaml",
        "dataclasses",
        "typing",
        "pathlib",
        "enum",
        "datetime",
        "hashlib",
        "unicodedata",
        "sqlite3",
    }
    # `re` brings enum itself, in every Python; what counts is that nothing of ours does.
    assert not (set(done.stdout.split()) & heavy) - {"enum"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("rotate refresh tokens", True),
        ("404", True),
        ("café naïve", True),
        ("обновление токена", False),
        ("トークンの更新", False),
        ("تدوير الرموز", False),
        ("🙂🙃🫠", False),
        ("word 🫠", True),
        ("", False),
    ],
)
def test_only_what_an_english_model_reads_is_mostly_latin(text: str, expected: bool) -> None:
    assert mostly_latin(text) is expected
