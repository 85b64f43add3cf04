"""How a report looks: light and dark by the reader's own choice, from a phone's width on, and on paper.

Class names are words of their own: the drawing in the page brings rules for short ones.
"""

from __future__ import annotations

MAX_COLUMNS = 9


def _columns() -> str:
    """Rules for the n-th column of a table, which has the class `numN`, `wideN` or `minorN`."""
    number = ",".join(f".num{n} :is(th,td):nth-child({n})" for n in range(1, MAX_COLUMNS + 1))
    wide = ",".join(f".wide{n} td:nth-child({n})" for n in range(1, MAX_COLUMNS + 1))
    minor = ",".join(f".minor{n} :is(th,td):nth-child({n})" for n in range(1, MAX_COLUMNS + 1))
    return (
        f"{number}{{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}}\n"
        f"{wide}{{min-width:13rem}}\n"
        f"@media (max-width:640px){{{minor}{{display:none}}}}\n"
    )


STYLE = """
:root{color-scheme:light dark;--page:#f6f8fa;--card:#fff;--ink:#1f2328;--soft:#57606a;--line:#d1d9e0;--link:#0550ae;
--good:#1a7f37;--warn:#8a5a00;--bad:#c21d28;--calm:#6639ba;--wash:#eef1f4;--goodbar:#2da44e;
--warnbar:#d4a72c;--badbar:#cf222e;--calmbar:#8250df;--softbar:#8c959f}
@media (prefers-color-scheme:dark){:root{--page:#0d1117;--card:#151b23;--ink:#e6edf3;--soft:#9da7b1;--line:#3d444d;
--link:#79b8ff;--good:#56d364;--warn:#e3b341;--bad:#ff7b72;--calm:#c297ff;--wash:#212830;--goodbar:#3fb950;
--warnbar:#d29922;--badbar:#f85149;--calmbar:#ab7df8;--softbar:#656c76}}
*{box-sizing:border-box}
html{scroll-padding-top:4.2rem;-webkit-text-size-adjust:100%}
body{margin:0;background:var(--page);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,
"Noto Sans","Noto Sans CJK SC","PingFang SC","Microsoft YaHei",sans-serif}
a{color:var(--link)}
h1{font-size:1.5rem;line-height:1.25;margin:0 0 .2rem;overflow-wrap:anywhere}
h2{font-size:1.15rem;margin:0 0 .75rem}
h3{font-size:.95rem;margin:1.25rem 0 .5rem}
p{margin:.3rem 0}
code{font:.86em/1.45 ui-monospace,SFMono-Regular,Menlo,Consolas,"Liberation Mono",monospace;background:var(--wash);
padding:.1em .35em;border-radius:4px;overflow-wrap:anywhere}
.skip{position:absolute;left:-99rem}
.skip:focus{left:.5rem;top:.5rem;z-index:9;background:var(--card);padding:.5rem 1rem}
:focus-visible{outline:2px solid var(--link);outline-offset:2px}
header,main,footer{max-width:1280px;margin:0 auto;padding:0 1.25rem}
header{padding-top:1.75rem;padding-bottom:.75rem}
.soft,footer,.more{color:var(--soft)}
.more{margin:.5rem 0 0}
.bar{position:sticky;top:0;z-index:5;background:var(--page);border-bottom:1px solid var(--line)}
.bar>div{max-width:1280px;margin:0 auto;padding:.45rem 1.25rem;display:flex;gap:.5rem 1.1rem;align-items:center;
flex-wrap:wrap}
.bar nav{display:flex;gap:.2rem 1rem;flex:1 1 auto;overflow-x:auto;padding:3px}
.bar nav a{text-decoration:none;white-space:nowrap;padding:.25rem 0;color:var(--ink)}
.bar nav a:hover{text-decoration:underline}
.find{display:flex;gap:.6rem;align-items:center}
.find input{font:inherit;width:15rem;max-width:100%;padding:.28rem .6rem;border:1px solid var(--soft);border-radius:6px;
background:var(--card);color:inherit}
.find output{color:var(--soft);font-size:.85rem;white-space:nowrap}
[hidden]{display:none!important}
section{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:1.1rem 1.25rem;margin:1.1rem 0}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(8.6rem,1fr));gap:.8rem;margin:1.1rem 0 0;padding:0;
list-style:none}
.tiles li{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:.7rem 1rem}
.tiles b{display:block;font-size:1.65rem;line-height:1.25;font-weight:650;font-variant-numeric:tabular-nums}
.tiles span{color:var(--soft);font-size:.87rem}
.strip{display:block;width:100%;height:12px;border-radius:6px;margin:.9rem 0 .4rem}
.keys{display:flex;flex-wrap:wrap;gap:.15rem 1.2rem;margin:0;padding:0;list-style:none;font-size:.9rem}
.good,.tiles .good{color:var(--good)}.warn,.tiles .warn{color:var(--warn)}.bad,.tiles .bad{color:var(--bad)}
.calm{color:var(--calm)}
.sign,td>b{white-space:nowrap;font-weight:550}
.sign::before,td>b::before{content:"";display:inline-block;width:.62em;height:.62em;margin-right:.45em;
background:currentColor;border-radius:50%}
.bad::before{border-radius:1px!important}
.warn::before{border-radius:0!important;clip-path:polygon(50% 0,100% 100%,0 100%)}
.calm::before,td>.soft::before,.sign.soft::before{background:none!important;border:2px solid currentColor}
.fill-good{fill:var(--goodbar)}.fill-warn{fill:var(--warnbar)}.fill-bad{fill:var(--badbar)}
.fill-calm{fill:var(--calmbar)}
.fill-soft{fill:var(--softbar)}.fill-none{fill:var(--wash)}
.roots{margin:0;padding:0;list-style:none;display:grid;gap:.7rem}
.roots li{border-left:4px solid var(--badbar);padding:.15rem 0 .15rem .85rem;overflow-wrap:anywhere}
.roots li.mild{border-color:var(--warnbar)}
.scroll{overflow-x:auto;max-width:100%}
table{border-collapse:collapse;width:100%;font-size:.9rem}
.quiet{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
th,td{text-align:left;vertical-align:top;padding:.38rem .7rem;border-bottom:1px solid var(--line)}
th{font-weight:600;white-space:nowrap;color:var(--soft);background:var(--card)}
td{overflow-wrap:break-word}
.even{white-space:nowrap}
tbody tr:hover{background:var(--wash)}
tbody tr:last-child td{border-bottom:0}
th button{font:inherit;color:inherit;background:none;border:0;padding:0;cursor:pointer;text-align:inherit}
th button::after{content:"\\2195";opacity:.55;margin-left:.35em}
th[aria-sort=ascending] button::after{content:"\\2191";opacity:1}
th[aria-sort=descending] button::after{content:"\\2193";opacity:1}
.meter{width:7rem;height:8px;border-radius:4px;vertical-align:middle}
.drawing{background:#fff;margin-top:.5rem;overflow:auto;max-height:82vh;border:1px solid var(--line);border-radius:8px}
@media (prefers-color-scheme:dark){.drawing{background:#0d1117}}
.drawing svg{display:block;margin:0 auto}
.fit:checked~.drawing svg{max-width:max(100%,640px);height:auto}
label{user-select:none}
details>summary{cursor:pointer;font-size:1.15rem;font-weight:700}
section>h2~details{margin-top:1rem}
details[open]>summary{margin-bottom:.75rem}
summary :is(h2,h3){display:inline;font-size:inherit;margin:0}
summary .soft{font-weight:400}
footer{padding-top:.5rem;padding-bottom:2.5rem;font-size:.87rem}
@media (max-width:640px){header,main,footer,.bar>div{padding-left:.8rem;padding-right:.8rem}section{padding:.9rem .8rem}
.find{flex:1 1 100%}.find input{flex:1;width:auto;min-width:0}
.tiles{grid-template-columns:1fr 1fr;gap:.55rem}.tiles li{padding:.55rem .75rem}.tiles b{font-size:1.35rem}
table{font-size:.84rem}th,td{padding:.35rem .32rem}.meter{width:4rem}html{scroll-padding-top:6.5rem}}
@media print{.bar,.fit,.fit+label,.skip{display:none}body{background:#fff}section{break-inside:avoid-page}
.scroll,.drawing{overflow:visible;max-height:none}}
"""
STYLE += _columns()
