namespace Sana.Local.Demo;

/// <summary>How the demo's page looks.</summary>
internal static class DemoStyle
{
    public const string Css = """
        :root{--bg:#f6f7f9;--card:#fff;--ink:#15181e;--dim:#5d6778;--line:#e4e7ec;--accent:#4f46e5;--accent-bg:#eef0ff;--good:#067647;--good-bg:#dcfae6;--bad:#b42318;--bad-bg:#fee4e2;--bar:#98a2b3}
        @media(prefers-color-scheme:dark){:root{--bg:#0d0f14;--card:#161a22;--ink:#e9ecf2;--dim:#98a2b3;--line:#282e3a;--accent:#8b8cff;--accent-bg:#1d2040;--good:#6ce9a6;--good-bg:#0b3b26;--bad:#fda29b;--bad-bg:#4a1411;--bar:#5d6778}}
        *{box-sizing:border-box}
        body{margin:0;background:var(--bg);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif;font-variant-numeric:tabular-nums}
        main{max-width:1240px;margin:0 auto;padding:36px 24px 48px;display:grid;gap:36px}
        h1{margin:0;font-size:30px;line-height:1.2;letter-spacing:-.02em}
        h2{margin:0 0 4px;font-size:20px;letter-spacing:-.01em}
        p{margin:0}.lead,.dim{color:var(--dim)}.lead{max-width:76ch}section>.lead{margin-bottom:18px}
        header .lead{margin-top:8px}
        a{color:var(--accent);text-decoration:none}a:hover{text-decoration:underline}
        .gallery{display:grid;grid-template-columns:repeat(auto-fill,minmax(178px,1fr));gap:18px 16px}
        figure{margin:0;background:var(--card);border:1px solid var(--line);border-radius:14px;overflow:hidden;display:flex;flex-direction:column}
        figure img{display:block;width:100%;aspect-ratio:1;object-fit:cover}
        figcaption{padding:10px 12px 12px;font-size:13.5px;line-height:1.4;display:flex;flex-direction:column;gap:8px;flex:1;justify-content:space-between}
        .pill{align-self:flex-start;padding:1px 9px;border-radius:999px;font-size:12px;font-weight:500}
        .pill.good{background:var(--good-bg);color:var(--good)}.pill.bad{background:var(--bad-bg);color:var(--bad)}.pill.accent{background:var(--accent);color:var(--card)}
        .truth{background:var(--card);border:1px solid var(--line);border-radius:14px;padding:18px 20px;margin-bottom:18px;display:grid;grid-template-columns:max-content minmax(0,1fr) max-content;gap:10px 16px;align-items:center}
        .truth .track{height:12px;border-radius:6px;background:var(--line);overflow:hidden}.truth .track i{display:block;height:100%;background:var(--bar);border-radius:6px}.truth .chosen .track i,.truth i.chosen{background:var(--accent)}
        .truth b{font-weight:600}
        .rows{display:grid;grid-template-columns:repeat(auto-fill,minmax(540px,1fr));gap:16px}
        .row{background:var(--card);border:1px solid var(--line);border-radius:14px;padding:16px;display:grid;grid-template-columns:128px minmax(0,1fr);gap:16px;align-items:start}
        .row img{width:128px;height:128px;border-radius:10px;display:block}
        .row ul{list-style:none;margin:0;padding:0;display:grid;gap:8px}
        .row li{border:1px solid var(--line);border-radius:10px;padding:8px 12px;font-size:13.5px;line-height:1.4}
        .row li.chosen{border-color:var(--accent);background:var(--accent-bg);box-shadow:inset 0 0 0 1px var(--accent)}
        .row li div{display:flex;gap:8px;align-items:center;font-size:12.5px;color:var(--dim);margin-bottom:2px}.row li div b{color:var(--ink);font-weight:600}.row li div .pill{align-self:center}.row li div .score{margin-left:auto}
        footer{color:var(--dim);font-size:13px}
        @media(max-width:640px){main{padding:22px 14px 32px;gap:26px}.gallery{grid-template-columns:repeat(2,minmax(0,1fr));gap:12px}.rows{grid-template-columns:minmax(0,1fr)}.row{grid-template-columns:84px minmax(0,1fr);gap:12px}.row img{width:84px;height:84px}.truth{grid-template-columns:minmax(0,1fr) max-content}.truth .track{grid-column:1/-1;grid-row:auto}}
        """;
}
