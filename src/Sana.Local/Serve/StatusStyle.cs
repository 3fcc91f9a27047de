namespace Sana.Local.Serve;

/// <summary>How the status page looks, and the few lines that keep it fresh while somebody looks at it.</summary>
internal static class StatusStyle
{
    public const string Css = """
        :root{--bg:#f6f7f9;--card:#fff;--ink:#15181e;--dim:#667085;--line:#e4e7ec;--accent:#4f46e5;--good:#067647;--good-bg:#dcfae6;--bad:#b42318;--bad-bg:#fee4e2;--busy:#175cd3;--busy-bg:#d8ebff;--plain-bg:#eaecf0}
        @media(prefers-color-scheme:dark){:root{--bg:#0d0f14;--card:#161a22;--ink:#e9ecf2;--dim:#8d97a8;--line:#262c38;--accent:#8b8cff;--good:#6ce9a6;--good-bg:#0b3b26;--bad:#fda29b;--bad-bg:#4a1411;--busy:#84caff;--busy-bg:#102a56;--plain-bg:#242a36}}
        *{box-sizing:border-box}
        body{margin:0;background:var(--bg);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif;font-variant-numeric:tabular-nums}
        main{max-width:1180px;margin:0 auto;padding:24px 20px 40px;display:grid;gap:20px}
        header{display:flex;align-items:center;gap:16px;flex-wrap:wrap}
        header p{margin:0;flex:1;min-width:0;overflow-wrap:anywhere}
        h1{margin:0;font-size:22px;letter-spacing:-.02em;display:flex;align-items:center;gap:10px}
        h1 svg{width:30px;height:30px}h1 rect{fill:var(--accent)}h1 path{fill:none;stroke:#fff;stroke-width:2.6;stroke-linecap:round}
        h2{margin:0 0 12px;font-size:12px;font-weight:600;letter-spacing:.06em;text-transform:uppercase;color:var(--dim)}
        section:not(.tiles),article{background:var(--card);border:1px solid var(--line);border-radius:14px;padding:18px 20px;min-width:0}
        .tiles{display:grid;grid-template-columns:repeat(5,minmax(0,1fr));gap:14px}
        .tiles .wide{grid-column:span 2;position:relative}
        .tiles h2{margin-bottom:2px}
        strong{display:block;font-size:32px;line-height:1.25;font-weight:650;letter-spacing:-.02em}
        strong em{font-style:normal;font-size:15px;font-weight:500;color:var(--dim);letter-spacing:0}
        strong.bad{color:var(--bad)}
        small,.dim,footer{color:var(--dim)}small{font-size:13px}
        .bars{position:absolute;right:20px;bottom:20px;width:52%;height:62px}.bars rect{fill:var(--accent)}
        meter,progress{display:block;width:100%;height:8px;margin-top:10px;border:0;border-radius:4px;background:var(--plain-bg);appearance:none;overflow:hidden}
        meter::-webkit-meter-bar,progress::-webkit-progress-bar{height:8px;border:0;border-radius:4px;background:var(--plain-bg)}
        meter::-webkit-meter-optimum-value,progress::-webkit-progress-value{background:var(--accent);border-radius:4px}
        meter::-moz-meter-bar,progress::-moz-progress-bar{background:var(--accent)}
        .scroll{overflow-x:auto;margin:0 -20px -6px;padding:0 20px}
        table{width:100%;border-collapse:collapse}
        th{font-size:12px;font-weight:500;color:var(--dim);text-align:left;padding:0 12px 8px 0;white-space:nowrap}
        td{padding:10px 12px 10px 0;border-top:1px solid var(--line);vertical-align:middle}
        tbody tr:first-child td{border-top-color:var(--line)}section>table tr:first-child td{border-top:0;padding-top:0}
        th:last-child,td:last-child{padding-right:0}
        td:first-child{min-width:130px}
        .num{text-align:right;white-space:nowrap}
        .progress{min-width:170px;width:28%}.progress progress,.progress meter{margin:0 0 3px}
        code{font:13px/1.4 ui-monospace,"SF Mono",Menlo,Consolas,"DejaVu Sans Mono",monospace;overflow-wrap:anywhere}
        .pill{display:inline-block;padding:2px 10px;border-radius:999px;font-size:13px;font-weight:550;background:var(--plain-bg);color:var(--ink);white-space:nowrap}
        .pill.good{background:var(--good-bg);color:var(--good)}.pill.bad{background:var(--bad-bg);color:var(--bad)}.pill.busy{background:var(--busy-bg);color:var(--busy)}
        .gallery{display:grid;grid-template-columns:repeat(auto-fill,minmax(168px,1fr));gap:14px}
        .gallery a{color:inherit;text-decoration:none}figure{margin:0}
        .gallery img{display:block;width:100%;height:auto;aspect-ratio:1;object-fit:cover;border-radius:10px;background:var(--plain-bg);transition:transform .15s}
        .gallery a:hover img,.gallery a:focus-visible img{transform:scale(1.02)}
        figcaption{padding:7px 2px 0;font-size:13px;line-height:1.35}
        figcaption span{display:-webkit-box;-webkit-line-clamp:2;-webkit-box-orient:vertical;overflow:hidden;overflow-wrap:anywhere}
        figcaption small{font-size:12px}
        .pair{display:grid;grid-template-columns:1fr 1fr;gap:20px}
        .empty{margin:0;color:var(--dim)}
        footer{display:flex;justify-content:space-between;gap:16px;flex-wrap:wrap;font-size:13px}footer nav{display:flex;gap:16px}
        a{color:var(--accent)}
        @media(max-width:860px){.tiles{grid-template-columns:repeat(2,1fr)}.pair{grid-template-columns:1fr}}
        @media(max-width:480px){.tiles{grid-template-columns:1fr}.tiles .wide{grid-column:auto}}
        """;

    /// <summary>Fetches the page again and puts its content in place of the old one: nothing flickers, nobody loses their place.</summary>
    public const string Script = """
        setInterval(async()=>{if(document.hidden)return;try{const r=await fetch(location.href,{cache:'no-store'});if(!r.ok)return;
        const d=new DOMParser().parseFromString(await r.text(),'text/html'),o=document.querySelector('main'),n=d.querySelector('main');
        const kept=new Map([...o.querySelectorAll('img')].map(i=>[i.getAttribute('src'),i]));
        n.querySelectorAll('img').forEach(i=>{const k=kept.get(i.getAttribute('src'));if(k)i.replaceWith(k)});
        o.replaceWith(n);document.title=d.title}catch{}},2000);
        """;
}
