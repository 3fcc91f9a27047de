using System.Globalization;
using Sana.Jobs.Curation;
using Sana.Local.Hosting;

namespace Sana.Local.Commands;

/// <summary>What <c>sana curate --dry-run</c> prints in the end.</summary>
internal static class Estimate
{
    public static async Task Print(LocalHost host, CurationJob job, CurateSummary made, bool json, CancellationToken cancellationToken)
    {
        var estimate = await CurationEstimate.Of(host.Blobs, job, made, cancellationToken);
        if (json)
            Reports.WriteJson(estimate, Reports.Json.CurationEstimate);
        else
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"""
                By a sample of {estimate.Sampled} of {estimate.Items} items: {estimate.Usable:P1} usable, {estimate.Captions} captions, {estimate.Tokens} tokens, {estimate.Cost} in the currency of the prices,
                {estimate.Seconds:0} seconds of work in all stages together. The sample's report: {made.Report}
                """));
    }
}
