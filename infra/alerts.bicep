// What a person should hear of: lost jobs, failures, a GPU that burns money for nothing, and the bill.

param location string
param tags object
param email string
param bus string
param insights string
param gpuApp string
param monthlyBudget int
param budgetStart string

var told = empty(email) ? [] : [{ actionGroupId: people.id }]

resource namespace 'Microsoft.ServiceBus/namespaces@2024-01-01' existing = { name: bus }
resource telemetry 'Microsoft.Insights/components@2020-02-02' existing = { name: insights }
resource gpu 'Microsoft.App/containerApps@2025-07-01' existing = { name: gpuApp }

resource people 'Microsoft.Insights/actionGroups@2023-01-01' = if (!empty(email)) {
  name: 'sana-operators'
  location: 'global'
  tags: tags
  properties: {
    enabled: true
    groupShortName: 'sana'
    emailReceivers: [{ name: 'operator', emailAddress: email, useCommonAlertSchema: true }]
  }
}

resource deadLetters 'Microsoft.Insights/metricAlerts@2018-03-01' = {
  name: 'sana-dead-letters'
  location: 'global'
  tags: tags
  properties: {
    description: 'A job was given up. deadletter/ in the container says why.'
    enabled: true
    severity: 2
    scopes: [namespace.id]
    evaluationFrequency: 'PT5M'
    windowSize: 'PT5M'
    criteria: {
      'odata.type': 'Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria'
      allOf: [{ name: 'dead', criterionType: 'StaticThresholdCriterion', metricName: 'DeadletteredMessages', timeAggregation: 'Maximum', operator: 'GreaterThan', threshold: 0 }]
    }
    actions: told
  }
}

resource failures 'Microsoft.Insights/metricAlerts@2018-03-01' = {
  name: 'sana-failures'
  location: 'global'
  tags: tags
  properties: {
    description: 'Functions fail more than now and then.'
    enabled: true
    severity: 2
    scopes: [telemetry.id]
    evaluationFrequency: 'PT5M'
    windowSize: 'PT15M'
    criteria: {
      'odata.type': 'Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria'
      allOf: [{ name: 'failed', criterionType: 'StaticThresholdCriterion', metricName: 'requests/failed', metricNamespace: 'microsoft.insights/components', timeAggregation: 'Count', operator: 'GreaterThan', threshold: 20 }]
    }
    actions: told
  }
}

// A replica costs the same whether it renders or waits. An hour with replicas in which next to no processor time was used is a replica that does not go away.
resource idleGpu 'Microsoft.Insights/scheduledQueryRules@2023-12-01' = {
  name: 'sana-idle-gpu'
  location: location
  tags: tags
  properties: {
    displayName: 'A GPU is billed and idle'
    description: 'Replicas ran for an hour and ended no job: see SANA_GPU_REPLICAS_MIN and /readyz.'
    enabled: true
    severity: 3
    scopes: [telemetry.id]
    evaluationFrequency: 'PT30M'
    windowSize: 'PT1H'
    criteria: {
      allOf: [
        {
          query: 'let alive = customMetrics | where name == "sana.gpu.alive" | summarize beats = count(); let work = requests | where name startswith "RenderFrom" | summarize jobs = count(); alive | extend one = 1 | join kind=inner (work | extend one = 1) on one | where beats > 50 and jobs == 0'
          timeAggregation: 'Count'
          operator: 'GreaterThan'
          threshold: 0
        }
      ]
    }
    autoMitigate: true
    actions: empty(email) ? {} : { actionGroups: [people.id] }
  }
}

resource restarts 'Microsoft.Insights/metricAlerts@2018-03-01' = {
  name: 'sana-gpu-restarts'
  location: 'global'
  tags: tags
  properties: {
    description: 'The worker dies again and again: out of memory, no GPU, or weights that are not there.'
    enabled: true
    severity: 2
    scopes: [gpu.id]
    evaluationFrequency: 'PT15M'
    windowSize: 'PT30M'
    criteria: {
      'odata.type': 'Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria'
      allOf: [{ name: 'restarts', criterionType: 'StaticThresholdCriterion', metricName: 'RestartCount', timeAggregation: 'Maximum', operator: 'GreaterThan', threshold: 3 }]
    }
    actions: told
  }
}

resource budget 'Microsoft.Consumption/budgets@2024-08-01' = {
  name: 'sana'
  properties: {
    category: 'Cost'
    amount: monthlyBudget
    timeGrain: 'Monthly'
    timePeriod: { startDate: budgetStart }
    notifications: toObject([50, 80, 100], percent => 'at${percent}', percent => {
      enabled: true
      operator: 'GreaterThanOrEqualTo'
      threshold: percent
      contactEmails: empty(email) ? [] : [email]
      contactRoles: ['Owner']
    })
  }
}
